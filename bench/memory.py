"""What a server's processes hold: pages of the shared segments, and what is each one's own.

A page of a segment is counted once, whoever has it mapped. What a process holds beside them is
told by kind: memory of its own, and pages of files (programs, LMDB's map) that it alone has mapped,
which are the kernel's page cache and go when somebody needs the room.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from fastdhcp_bench.usage import processes

PREFIX = "fastdhcp-"
"""Of the segments' names."""
FIXED = ("traces",)
"""Segments whose size does not depend on leases."""


class Own(NamedTuple):
    """Octets of one process that no other has mapped (USS), but for the segments' pages.

    memory  anonymous, and pages of files that it has changed
    files   unchanged pages of files: page cache
    """

    memory: int
    files: int


def session_processes(session: int) -> list[Path]:
    """The folders in /proc of a session's processes, its leader's first."""
    found = [p.pid for p in processes() if p.session == session]
    return [Path(f"/proc/{pid}") for pid in sorted(found, key=lambda pid: (pid != session, pid))]


def names_of(session: list[Path]) -> dict[Path, str]:
    """As `ps` shows them; the leader is the supervisor."""
    leader, *others = session
    return {leader: "supervisor"} | {p: (p / "comm").read_text().strip() for p in others}


def shared_bytes(processes: Iterable[Path]) -> dict[str, int]:
    """Pages touched of each memfd of the processes, by name, each counted once."""
    segments: dict[tuple[str, int], int] = {}
    for process in processes:
        for fd in (process / "fd").iterdir():
            try:
                name = str(fd.readlink())
                found = fd.stat()
            except OSError:
                continue
            if name.startswith("/memfd:"):
                segments[name, found.st_ino] = found.st_blocks * 512
    sums: dict[str, int] = {}
    for (name, _), size in segments.items():
        name = name.removeprefix("/memfd:").removesuffix(" (deleted)")
        sums[name] = sums.get(name, 0) + size
    return sums


def own_of(smaps: str) -> Own:
    """From the text of /proc/PID/smaps: a header for each mapping, then its figures in kB."""
    memory = files = 0
    segment = False
    for line in smaps.splitlines():
        name, _, value = line.partition(":")
        if " " in name:  # FROM-TO PERMS OFFSET DEVICE INODE PATH
            segment = "/memfd:" in line
        elif segment:
            continue
        elif name in ("Private_Dirty", "Private_Hugetlb"):
            memory += int(value.split()[0])
        elif name == "Private_Clean":
            files += int(value.split()[0])
    return Own(memory * 1024, files * 1024)
