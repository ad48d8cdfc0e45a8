"""Latencies in buckets whose width is at most 1/32 of their value, in C. Inline only."""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

cdef enum:
    BUCKET_BITS = 5             # 32 buckets an octave
    OCTAVES = 36                # to 2^40 ns, 18 minutes; longer ones go into the last bucket
    BUCKET_COUNT = (OCTAVES + 1) << BUCKET_BITS


cdef struct Histogram:
    uint64_t count
    uint64_t sum_ns
    uint64_t max_ns
    uint64_t buckets[BUCKET_COUNT]


cdef inline void histogram_clear(Histogram* histogram) noexcept nogil:
    memset(histogram, 0, sizeof(Histogram))


cdef inline void histogram_add(Histogram* histogram, int64_t taken_ns) noexcept nogil:
    cdef uint64_t value = <uint64_t>taken_ns if taken_ns > 0 else 0
    cdef uint64_t rest = value
    cdef uint32_t octave = 0, bucket
    while rest >= (2 << BUCKET_BITS):
        rest >>= 1
        octave += 1
    bucket = (octave << BUCKET_BITS) + <uint32_t>rest
    histogram.buckets[min(bucket, <uint32_t>(BUCKET_COUNT - 1))] += 1
    histogram.count += 1
    histogram.sum_ns += value
    if value > histogram.max_ns:
        histogram.max_ns = value


# Upper bound in ns of the bucket that holds the `part` (0 to 1) of all values; 0 if there are none.
cdef inline uint64_t histogram_at(const Histogram* histogram, double part) noexcept nogil:
    cdef uint64_t wanted = <uint64_t>(part * <double>histogram.count), seen = 0, upper
    cdef uint32_t bucket, octave, rest
    if histogram.count == 0:
        return 0
    for bucket in range(<uint32_t>BUCKET_COUNT):
        seen += histogram.buckets[bucket]
        if seen > wanted or seen == histogram.count:
            break
    octave = bucket >> BUCKET_BITS
    if octave > 0:
        octave -= 1
    rest = bucket - (octave << BUCKET_BITS)
    upper = (<uint64_t>rest + 1) << octave
    return min(upper, histogram.max_ns)
