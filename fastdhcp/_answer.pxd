"""What becomes of a packet: it is answered, or counted under exactly one reason."""

from fastdhcp._worker cimport Worker


# The packets of a batch: decoded, handled, their replies written and put where they wait or leave.
cdef void answer_all(Worker* w) noexcept nogil
