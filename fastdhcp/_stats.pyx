"""Counters, as Python sees them: the names, and the sums over all processes."""

from fastdhcp._stats cimport Counter, Counters, DropReason

COUNTERS_SIZE = sizeof(Counters)


def drop_names() -> list:
    """The names of the drop reasons by number, as metrics and log write them (`bad-hlen`)."""
    names = {int(v): v.name for v in DropReason}
    return [names[i].removeprefix("DROP_").lower().replace("_", "-")
            for i in range(int(DropReason.DROP_REASON_COUNT))]


def counter_words() -> dict:
    """Number of a process's first word of each counter, by the counter's name."""
    return {v.name: int(v) for v in Counter}


def sum_words(const unsigned char[:] counters, int processes) -> list:
    """The words of all processes, added up; `counters` holds one block per process."""
    cdef const Counters* blocks
    cdef int word, process
    if counters.shape[0] < processes * <Py_ssize_t>sizeof(Counters):
        raise ValueError("the counter segment is smaller than its processes need")
    blocks = <const Counters*>&counters[0]
    total = []
    for word in range(320):
        value = 0
        for process in range(processes):
            value += blocks[process].words[word]
        total.append(value)
    return total
