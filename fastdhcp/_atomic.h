/* Atomic loads, stores and read-modify-writes on words in shared memory, fences, a cache line asked
 * for or compared, lowest and highest bit. By the compiler's builtins: C11 _Atomic types cannot be
 * named from Cython. This is all the C there is that Cython did not write. */
#ifndef FASTDHCP_ATOMIC_H
#define FASTDHCP_ATOMIC_H

#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline uint64_t load_acquire_u64(const uint64_t *p) {
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}
static inline uint64_t load_relaxed_u64(const uint64_t *p) {
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}
static inline uint32_t load_acquire_u32(const uint32_t *p) {
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}
static inline uint32_t load_relaxed_u32(const uint32_t *p) {
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}
static inline void store_release_u64(uint64_t *p, uint64_t v) {
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
}
static inline void store_relaxed_u64(uint64_t *p, uint64_t v) {
    __atomic_store_n(p, v, __ATOMIC_RELAXED);
}
static inline void store_release_u32(uint32_t *p, uint32_t v) {
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
}
static inline void store_relaxed_u32(uint32_t *p, uint32_t v) {
    __atomic_store_n(p, v, __ATOMIC_RELAXED);
}

/* True if *p was `seen` and is now `wanted`. */
static inline int cas_u64(uint64_t *p, uint64_t seen, uint64_t wanted) {
    return __atomic_compare_exchange_n(p, &seen, wanted, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}
static inline uint64_t fetch_add_u64(uint64_t *p, uint64_t v) {
    return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);
}
static inline uint64_t fetch_or_u64(uint64_t *p, uint64_t v) {
    return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);
}
static inline uint64_t fetch_and_u64(uint64_t *p, uint64_t v) {
    return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);
}

/* Orders all memory accesses before it with all after it, for other processes. */
static inline void fence_full(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
/* Loads before it stay before loads and stores after it (the second half of a seqlock read). */
static inline void fence_acquire(void) { __atomic_thread_fence(__ATOMIC_ACQUIRE); }
/* Stores before it become visible before stores after it. A store-release alone does not hold
 * back *later* stores, hence this between publish and replay (docs/ARCHITECTURE.md). */
static inline void fence_release(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }

/* After a compare-and-swap that took a lock: nothing that comes later, load or store, is seen or
 * done before the lock is. x86's locked instructions are a full fence already; elsewhere the store
 * half of a compare-and-swap may still be on its way while later accesses are done. */
static inline void fence_locked(void) {
#if defined(__x86_64__) || defined(__i386__)
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

static inline void cpu_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

/* Asks for a cache line that will be looked at soon. Any address will do. Without the second line
 * gcc drops calls of a function that does nothing but this: to it they have no effect. */
static inline void prefetch(const void *p) {
    __builtin_prefetch(p);
    __asm__ __volatile__("");
}

/* A bit for each of the eight words of a cache line whose upper half is `high`. A hint: the line
 * is not read at one instant, so who believes it loads the word. */
static inline uint32_t match_high_u64(const uint64_t *line, uint32_t high) {
#ifdef __SSE2__
    const __m128 *at = (const __m128 *)line;
    const __m128i wanted = _mm_set1_epi32((int)high);
    __m128i low = _mm_castps_si128(_mm_shuffle_ps(at[0], at[1], _MM_SHUFFLE(3, 1, 3, 1)));
    __m128i up = _mm_castps_si128(_mm_shuffle_ps(at[2], at[3], _MM_SHUFFLE(3, 1, 3, 1)));
    low = _mm_packs_epi32(_mm_cmpeq_epi32(low, wanted), _mm_cmpeq_epi32(up, wanted));
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, _mm_setzero_si128()));
#else
    uint32_t found = 0;
    for (int i = 0; i < 8; i++)
        found |= (uint32_t)((uint32_t)(load_relaxed_u64(&line[i]) >> 32) == high) << i;
    return found;
#endif
}

/* Index of the lowest set bit; the word must not be zero. */
static inline int lowest_bit_u64(uint64_t v) { return __builtin_ctzll(v); }
/* Likewise the highest. */
static inline int highest_bit_u64(uint64_t v) { return 63 - __builtin_clzll(v); }

#endif
