"""Eventfds: how one process wakes another that sleeps."""

import os


def make_events(processes: int) -> list[int]:
    """One eventfd per process that applies: whoever waits there is woken by a write."""
    return [os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) for _ in range(processes)]


def wake(events: list[int]) -> None:
    """Wakes every process: after a death, who should have woken another may be the dead one."""
    for fd in events:
        try:
            os.eventfd_write(fd, 1)
        except BlockingIOError:
            continue  # its count is at the top: it is awake, or will be
