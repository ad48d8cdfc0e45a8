"""What the kernel counts of this network namespace and no process of ours can see."""

from pathlib import Path

_SNMP = Path("/proc/thread-self/net/snmp")


def kernel_drops() -> int:
    """Datagrams of this network namespace that found a receive buffer full (RcvbufErrors).

    Not SO_RXQ_OVFL nor /proc/net/udp: those count what the steering filters refuse as well.
    """
    rows = [line.split() for line in _SNMP.read_text().splitlines() if line.startswith("Udp:")]
    names, values = rows[0], rows[1]
    return int(values[names.index("RcvbufErrors")])
