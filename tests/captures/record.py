"""Records the captures that stand here anew: `python -m tests.captures.record [NAME ...]`, as root.

Each is one client's exchange with Kea's server over a link of its own, in a namespace. A program
that is not installed is named, and its capture stays what it was.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.lab import Capture, Lab, ToolMissing
from tests.lab.clients import OBTAINED, RENEWED, Dhclient, Dhcpcd, RealClient, Udhcpc, perfdhcp
from tests.lab.packet import ACK
from tests.lab.process import tool
from tests.lab.servers import Kea, Site, Subnet

FOLDER = Path(__file__).parent
SITE = Site(lease_time=120, renewal_time=3, rebinding_time=90)
NETWORKD = "/lib/systemd/systemd-networkd"
NETWORK = "[Match]\nName=cli0\n[Network]\nDHCP=ipv4\nIPv6AcceptRA=no\nLinkLocalAddressing=no\n"
OWN_FOLDERS = """
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases
printf '%s' "$NETWORK" > /run/systemd/network/cli0.network
mount -t sysfs sysfs /sys; mount -o remount,ro /sys; exec "$@"
"""
"""networkd's configuration, and a /sys that cannot be written: then it does not wait for udev."""


def bound(kind: type[RealClient]) -> Callable[[Lab, Capture], None]:
    """A client that obtains a lease, renews and releases it."""

    def run(lab: Lab, _: Capture) -> None:
        client = kind(lab, "client", "cli0")
        client.wait_for(OBTAINED)
        seen = len(client.events())
        client.renew()
        client.wait_for(RENEWED, after=seen)
        client.release()
        time.sleep(1)

    return run


def networkd(lab: Lab, capture: Capture) -> None:
    argv = ["unshare", "--mount", "sh", "-ec", OWN_FOLDERS, "sh", tool(NETWORKD)]
    lab.start("client", argv, env={"NETWORK": NETWORK})
    assert capture.collect(lambda f: f.message.type == ACK, count=2)


def nmap(lab: Lab, _: Capture) -> None:
    lab.ip("client", "address", "add", "10.77.0.9/22", "dev", "cli0")
    script = "broadcast-dhcp-discover"
    done = lab.run("client", ["nmap", "-e", "cli0", "--script", script], timeout=60)
    assert "DHCPOFFER" in done.stdout, done.stdout + done.stderr


def relayed(lab: Lab, _: Capture) -> None:
    """perfdhcp as a relay agent: a giaddr, and a client in each exchange."""
    lab.ip("client", "address", "add", "10.77.0.9/22", "dev", "cli0")
    perfdhcp(lab, "client", "10.77.0.1", "10.77.0.9", rate=5, exchanges=5, clients=5)


CLIENTS: dict[str, Callable[[Lab, Capture], None]] = {
    "dhclient": bound(Dhclient),
    "udhcpc": bound(Udhcpc),
    "dhcpcd": bound(Dhcpcd),
    "networkd": networkd,
    "nmap": nmap,
    "perfdhcp": relayed,
}


def record(name: str) -> None:
    """One capture, on the server's side. Raises ToolMissing and AssertionError."""
    with Lab() as lab:
        lab.veth("server:srv0=10.77.0.1/22", "client:cli0")
        local = () if name == "perfdhcp" else ("srv0",)
        Kea(lab, "server", Site(subnets=(Subnet(),), local=local, lease_time=SITE.lease_time,
                                renewal_time=SITE.renewal_time, rebinding_time=90))  # fmt: skip
        capture = Capture(lab.netns("server"), "srv0", outgoing=True)
        lab.callback(capture)
        try:
            CLIENTS[name](lab, capture)
        finally:
            capture.write_pcap(FOLDER / f"{name}.pcap")


def main() -> int:
    failed = 0
    for name in sys.argv[1:] or CLIENTS:
        try:
            record(name)
            print(f"{name}: {(FOLDER / f'{name}.pcap').stat().st_size} octets")
        except (ToolMissing, AssertionError, subprocess.TimeoutExpired) as error:
            failed = 1
            print(f"{name}: {error}", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
