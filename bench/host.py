"""What machine it was measured on: processor, kernel, mitigations, disk, and the disk's sync."""

import os
import statistics
import tempfile
import time
from pathlib import Path

import msgspec

SYNCS = 300
SYNC_BYTES = 4096


class Host(msgspec.Struct, kw_only=True):
    """The machine, with the disk of one folder.

    mitigations  as the kernel has it by vulnerability, those that concern this processor
    disk         file system, device and its cache
    sync_us      microseconds of an fdatasync after a write of 4 KB, the median
    sync_p99_us  what one of a hundred takes
    """

    cpu: str
    cores: int
    kernel: str
    mitigations: dict[str, str]
    disk: str
    sync_us: float
    sync_p99_us: float

    @classmethod
    def of(cls, folder: Path) -> "Host":
        median, slow = time_sync(folder)
        return cls(
            cpu=_cpu_model(Path("/proc/cpuinfo").read_text()),
            cores=os.cpu_count() or 1,
            kernel=os.uname().release,
            mitigations=_mitigations(Path("/sys/devices/system/cpu/vulnerabilities")),
            disk=_disk(folder),
            sync_us=median,
            sync_p99_us=slow,
        )

    def __str__(self) -> str:
        on = "; ".join(f"{name}: {state}" for name, state in self.mitigations.items())
        return (
            f"{self.cpu}, {self.cores} cores, Linux {self.kernel}\n"
            f"mitigations: {on or 'none needed'}\n"
            f"disk: {self.disk}; write of 4 KB and fdatasync {self.sync_us:.0f} us at the median, "
            f"p99 {self.sync_p99_us:.0f} us"
        )


def time_sync(folder: Path, times: int = SYNCS) -> tuple[float, float]:
    """Microseconds of an fdatasync after a write of 4 KB: the median, and the 99th percentile.

    The file has its size before, as a log that is written in advance: the size is not synced each
    time.
    """
    octets = bytes(SYNC_BYTES)
    taken = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        fd = file.fileno()
        os.write(fd, octets * times)
        os.fsync(fd)
        for place in range(times):
            began = time.perf_counter()
            os.pwrite(fd, octets, place * SYNC_BYTES)
            os.fdatasync(fd)
            taken.append((time.perf_counter() - began) * 1e6)
    return statistics.median(taken), sorted(taken)[times * 99 // 100]


def _cpu_model(cpuinfo: str) -> str:
    """Of the first core; some architectures name none."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "cpu model"):
            return value.strip()
    return os.uname().machine


def _mitigations(folder: Path) -> dict[str, str]:
    states = {file.name: file.read_text().strip() for file in sorted(folder.glob("*"))}
    return {name: state for name, state in states.items() if state != "Not affected"}


def _mount(folder: Path, mounts: str) -> tuple[str, str]:
    """Source and file system of the mount that a folder is in, from /proc/self/mounts."""
    found = ("", "unknown file system")
    longest = -1
    for line in mounts.splitlines():
        source, place, kind = line.split()[:3]
        if folder.is_relative_to(place) and len(place) >= longest:
            longest, found = len(place), (source, kind)
    return found


def _disk(folder: Path) -> str:
    source, kind = _mount(folder.resolve(), Path("/proc/self/mounts").read_text())
    device = folder.stat().st_dev
    block = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
    if (block / "partition").exists():
        block = block.parent
    if not (block / "queue").exists():
        return f"{kind} on {source}"
    cache = (block / "queue/write_cache").read_text().strip()
    model = block / "device/model"
    name = model.read_text().strip() if model.exists() else block.name
    return f"{kind} on {name}, its cache: {cache}"
