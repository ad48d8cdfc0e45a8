"""Who holds a UDP port of this network namespace, as far as /proc shows."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Holder:
    """A process that has what we need."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"{self.command} (pid {self.pid})"


def port_holders(port: int) -> list[Holder]:
    """Who has a UDP socket of this network namespace bound to ``port``, as far as /proc shows.

    Of a family of processes that share one only the eldest is named.
    """
    names = {f"socket:[{inode}]" for inode in port_inodes(port, "udp", "udp6")}
    pids = {pid for pid in _processes() if names and pid != os.getpid() and _has_any(pid, names)}
    return [Holder(pid, command_of(pid)) for pid in sorted(pids) if _parent(pid) not in pids]


def port_inodes(port: int, *tables: str) -> set[int]:
    """Inodes of the UDP sockets that are bound to ``port`` here: ``udp`` is IPv4, ``udp6`` IPv6."""
    found = set()
    for table in tables:
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/thread-self/net/{table}").read_text().splitlines()[1:]
            words = (line.split() for line in lines)
            found |= {int(w[9]) for w in words if int(w[1].rpartition(":")[2], 16) == port}
    return found


def command_of(pid: int) -> str:
    """The command line of a process as one typed it, cut to something that fits a line."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        text = b" ".join(words).decode(errors="replace")
        text = text or Path(f"/proc/{pid}/comm").read_text().strip()
        return text if len(text) <= 80 else text[:77] + "..."
    return "a process"


def _processes() -> Iterator[int]:
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            yield int(path.name)


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        # The name in brackets may hold anything; the fields after the last bracket do not.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _has_any(pid: int, names: set[str]) -> bool:
    """Whether the process has a descriptor of that name; False too where we may not look."""
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if str(Path(entry.path).readlink()) in names:
                    return True
    except OSError:
        return False
    return False
