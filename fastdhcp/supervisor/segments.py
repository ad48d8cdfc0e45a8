"""The shared memory of a server: one memfd per segment, made by the supervisor, mapped by all.

Each is made sparse at its largest size and never grows: room that nobody touches costs nothing.
They have no names in any file system, so nothing is left behind, whatever dies.
"""

import dataclasses
import fcntl
import os
import secrets
from collections.abc import Mapping

from fastdhcp._layout import format_node, layout_sizes
from fastdhcp._leases import BLOCK_SIZE, Role
from fastdhcp._memory import Memory
from fastdhcp.channel import close_all
from fastdhcp.config.model import Configuration
from fastdhcp.log import log
from fastdhcp.supervisor.obstacles import Obstacle

NODE = "node"


@dataclasses.dataclass(frozen=True)
class Segments:
    """Descriptors and sizes by name; see _layout.layout_sizes() for the names."""

    fds: Mapping[str, int]
    sizes: Mapping[str, int]
    segment_id: int
    block_limit: int

    @classmethod
    def make(cls, workers: int, block_limit: int) -> "Segments":
        """Fresh segments, zeroed, with a new id. Raises OSError."""
        sizes = dict(layout_sizes(workers, block_limit))
        # Never 0, the value of a page that nobody wrote.
        segment_id = secrets.randbits(63) + 1
        fds: dict[str, int] = {}
        try:
            for name, size in sizes.items():
                fds[name] = make_segment(name, size)
            format_node(fds[NODE], workers, block_limit, segment_id)
        except BaseException:
            close_all(fds.values())
            raise
        return cls(fds, sizes, segment_id, block_limit)

    @property
    def size(self) -> int:
        """Bytes if every page were touched."""
        return sum(self.sizes.values())

    def touched(self) -> int:
        """Bytes that are really there."""
        return sum(os.fstat(fd).st_blocks * 512 for fd in self.fds.values())

    def close(self) -> None:
        close_all(self.fds.values())


def make_segment(name: str, size: int) -> int:
    """A memfd of ``size`` bytes that nobody can shrink under another's mapping (SIGBUS)."""
    fd = os.memfd_create(f"fastdhcp-{name}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    except BaseException:
        os.close(fd)
        raise
    return fd


def make_table(config: Configuration) -> tuple[Segments, Memory]:
    """Fresh segments of the configured size, mapped here for repairs and counters, with their
    budget in the log. Raises Obstacle."""
    workers, addresses = config.server.workers, config.block_limit * BLOCK_SIZE
    try:
        segments = Segments.make(workers, config.block_limit)
        memory = Memory(dict(segments.fds), workers + Role.ROLE_SUPERVISOR)
    except (OSError, MemoryError) as error:
        text = f"no room for {addresses} addresses: {error}; lower server.max-addresses"
        raise Obstacle("memory-failed", text) from error
    log.count_in(memory)
    facts: dict[str, object] = {"addresses": addresses, "total_at_most": _megabytes(segments.size)}
    facts |= {n: _megabytes(size) for n, size in segments.sizes.items() if size >= 1 << 20}
    log.info("memory-budget", **facts)
    return segments, memory


def _megabytes(size: int) -> str:
    return f"{size >> 20}M"
