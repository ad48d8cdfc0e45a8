"""How large the segments are."""

cdef enum:
    NODE_SIZE = 256              # of the struct; Process and Slot follow it
    PAGE = 4096
