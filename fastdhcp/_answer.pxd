"""What becomes of one packet: it is answered, or counted under exactly one reason."""

from libc.stdint cimport uint32_t

from fastdhcp._worker cimport Worker


# Packet `i` of the batch: decoded, handled, its reply written and put where it waits or leaves.
cdef void answer(Worker* w, uint32_t i) noexcept nogil
