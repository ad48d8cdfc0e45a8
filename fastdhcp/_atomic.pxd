"""Atomic words and fences (see _atomic.h); every order of shared memory goes through these."""

from libc.stdint cimport uint32_t, uint64_t


cdef extern from "fastdhcp/_atomic.h" nogil:
    uint64_t load_acquire_u64(const uint64_t* p) noexcept
    uint64_t load_relaxed_u64(const uint64_t* p) noexcept
    uint32_t load_acquire_u32(const uint32_t* p) noexcept
    uint32_t load_relaxed_u32(const uint32_t* p) noexcept
    void store_release_u64(uint64_t* p, uint64_t v) noexcept
    void store_relaxed_u64(uint64_t* p, uint64_t v) noexcept
    void store_release_u32(uint32_t* p, uint32_t v) noexcept
    void store_relaxed_u32(uint32_t* p, uint32_t v) noexcept
    bint cas_u64(uint64_t* p, uint64_t seen, uint64_t wanted) noexcept
    uint64_t fetch_add_u64(uint64_t* p, uint64_t v) noexcept
    uint64_t fetch_or_u64(uint64_t* p, uint64_t v) noexcept
    uint64_t fetch_and_u64(uint64_t* p, uint64_t v) noexcept
    void fence_full() noexcept
    void fence_acquire() noexcept
    void fence_release() noexcept
    void fence_locked() noexcept
    void cpu_relax() noexcept
    void prefetch(const void* p) noexcept
    uint32_t match_high_u64(const uint64_t* line, uint32_t high) noexcept
    int lowest_bit_u64(uint64_t v) noexcept
    int highest_bit_u64(uint64_t v) noexcept
