"""All segments of the server, as one process has them mapped."""

from libc.stdint cimport uint32_t, uint64_t

from fastdhcp._lease cimport Lease
from fastdhcp._leases cimport Process, Ring, Table


cdef class Memory:
    cdef Table table
    cdef object maps             # name -> mmap
    cdef object image_maps       # the last few: a reader in a thread may still be at an older one
    cdef _place(self, uint64_t* places)
    cdef Process* _process(self, int process) except NULL
    cdef Ring* _ring(self, int process) except NULL
    cdef uint32_t _traced(self, int worker) except? 0
    cdef Lease _lease(self, uint32_t number)
