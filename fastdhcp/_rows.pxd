"""Rows of reservations as they are read, before the file table is made of them."""

from libc.stdint cimport uint8_t, uint32_t

from fastdhcp._reservations cimport Reservation


# Cells whose numbers are those of the configuration: `vrf` is the place of its name, `network` an
# address in the subnet that the row is of (0: of none), `classes` places of their names + 1; octets
# are counted from the start of `octets`.
cdef struct Stored:
    Reservation* cells
    uint32_t* lines              # of its file; 0: of none
    uint8_t* octets
    uint32_t count
    uint32_t used                # of octets


cdef class Rows:
    cdef Stored stored
    cdef bytearray cells
    cdef bytearray lines
    cdef bytearray octets
    cdef reserve(self, Py_ssize_t rows, Py_ssize_t octets)
    cdef Reservation* _row(self, uint32_t row) except NULL
