"""How soon a process gets a core when it wakes: the store sleeps two or three times in each commit.

Where others compute, a process waits for the end of their slice each time it wakes, up to a tick
(4 ms with HZ=250), and every reply that waits for the disk waits with it. Who asks for a short
slice of its own gets the core sooner, and keeps it for less.
"""

from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.string cimport memset

from fastdhcp._linux cimport (
    PR_SET_TIMERSLACK, SCHED_OTHER, SYS_sched_getattr, SYS_sched_setattr, prctl, syscall,
)

cdef enum:
    SLICE_NS = 100000
    SLACK_NS = 1000              # that a wait may take longer; 50 us if nobody asks


cdef struct SchedAttr:           # sched_setattr(2); libc names it since glibc 2.41 only
    uint32_t size
    uint32_t policy
    uint64_t flags
    int32_t nice
    uint32_t priority
    uint64_t runtime             # with SCHED_OTHER the slice, since Linux 6.12; before, ignored
    uint64_t deadline
    uint64_t period


def turn_soon():
    """For the calling thread; no privilege is needed. Under another policy than SCHED_OTHER, which
    an operator has set, its turns stay as they are. Returns the slice in ns; 0: this kernel has
    none."""
    cdef SchedAttr attr
    memset(&attr, 0, sizeof(attr))
    prctl(PR_SET_TIMERSLACK, <unsigned long>SLACK_NS, 0, 0, 0)
    if (syscall(SYS_sched_getattr, 0, &attr, <unsigned int>sizeof(attr), 0) == 0
            and attr.policy == SCHED_OTHER):
        attr.size = sizeof(attr)
        attr.runtime = SLICE_NS
        syscall(SYS_sched_setattr, 0, &attr, 0)
        syscall(SYS_sched_getattr, 0, &attr, <unsigned int>sizeof(attr), 0)
    return attr.runtime
