"""Real shared segments for tests: memfds, mapped as the server's processes map them."""

import os

from fastdhcp._layout import format_node, layout_sizes
from fastdhcp._memory import Memory, boot_time_ns

ADDRESS = 0x0A4D0105  # 10.77.1.5
KEY = bytes(range(16))
OTHER_KEY = bytes(range(16, 32))
CHADDR = bytes.fromhex("02ee00000001")


class Segments(dict[str, int]):
    """Descriptors by name, closed with the last reference to them."""

    def __del__(self) -> None:
        for fd in self.values():
            os.close(fd)


def make_segments(
    workers: int = 2, blocks: int = 64, ring_size: int = 1 << 16, trace_size: int = 64,
    segment_id: int = 0x5EC,
) -> Segments:
    """Fresh segments as the supervisor makes them: names and descriptors."""
    sizes = layout_sizes(workers, blocks, ring_size, trace_size)
    fds = Segments({name: os.memfd_create(name) for name in sizes})
    for name, size in sizes.items():
        os.ftruncate(fds[name], size)
    format_node(fds["node"], workers, blocks, segment_id, ring_size, trace_size)
    return fds


def make_memory(process: int = 0, now: int = 100, fds: dict[str, int] | None = None,
                **sizes: int) -> Memory:
    """A process's view of segments; new ones unless `fds` is given. `now`: node time."""
    fresh = fds is None
    memory = Memory(make_segments(**sizes) if fds is None else fds, process)
    if fresh:
        memory.time_offset_ns = now * 10**9 - boot_time_ns() + 10**8
        memory.epoch = 1
    return memory


def records_of(memory: Memory) -> dict[tuple[int, int], tuple[object, ...]]:
    """Everything durable of every record that was ever bound, by (VRF, address)."""
    return {
        (r.vrf, r.address): (
            r.state, r.flags, r.htype, r.chaddr, r.key, r.client_id, r.relay_info, r.hostname,
            r.subnet_id, r.version, r.incarnation, r.expiry, r.cltt, r.start,
        )
        for _, _, block in memory.blocks()
        for r in memory.block_leases(block, True)
        if r.version
    }
