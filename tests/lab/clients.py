"""Real DHCP clients, unmodified: dhclient, udhcpc and dhcpcd, one command table each.

Each runs in the foreground with a hook script of ours, which puts the address on the interface
and writes one line per event to a file; nothing of the machine's own configuration is touched.
"""

import dataclasses
import re
import signal
import time

from .net import Lab
from .patience import PATIENCE_S
from .process import Process, tool

HOOK = """#!/bin/sh
# $1 is udhcpc's event; dhclient and dhcpcd name theirs in $reason.
event=${1:-$reason}
address=${ip:-$new_ip_address}
length=${mask:-${new_subnet_cidr:-$(echo "$new_subnet_mask" | awk -F. '{n=0
    for(i=1;i<=4;i++){v=$i; while(v>0){n+=v%2; v=int(v/2)}} print n}')}}
case $event in
bound|BOUND|renew|RENEW|REBOOT|REBIND)
    ip address replace "$address/$length" brd + dev "$interface" ;;
deconfig|RELEASE|EXPIRE|FAIL|STOP|STOPPED)
    ip -4 address flush dev "$interface" ;;
esac
env > "@EVENTS@-$event"
echo "$event address=$address length=$length routers=${router:-$new_routers}" \
    "dns=${dns:-$new_domain_name_servers} domain=${domain:-$new_domain_name}" >> "@EVENTS@"
"""

OBTAINED = "bound|BOUND|REBOOT"
RENEWED = "renew|RENEW"
PERFDHCP_PATIENCE_S = 120.0


@dataclasses.dataclass(frozen=True)
class Event:
    """One run of the hook: its name, and what the client had learnt by then."""

    name: str
    values: dict[str, str]

    @property
    def address(self) -> str:
        return self.values["address"]


class RealClient:
    """A client program on one interface, from its start to its release of the lease."""

    program = ""

    def __init__(self, lab: Lab, namespace: str, interface: str) -> None:
        self.lab, self.namespace, self.interface = lab, namespace, interface
        self.folder = lab.folder / f"{self.program}-{namespace}"
        self.folder.mkdir()
        self.events_file = self.folder / "events"
        self.events_file.touch()
        self.hook = self.folder / "hook"
        self.hook.write_text(HOOK.replace("@EVENTS@", str(self.events_file)))
        self.hook.chmod(0o755)
        self.process = self.start()

    def start(self) -> Process:
        return self.lab.start(self.namespace, self.argv())

    def argv(self) -> list[str]:
        raise NotImplementedError

    def renew(self) -> None:
        """Have it renew now; one that cannot be told so renews by itself at T1."""

    def release(self) -> None:
        """Have it give its lease back."""
        raise NotImplementedError

    def events(self) -> list[Event]:
        found = []
        for line in self.events_file.read_text().splitlines():
            name, *pairs = line.split(" ")
            found.append(Event(name, dict(re.findall(r"(\w+)=(\S*)", " ".join(pairs)))))
        return found

    def learnt(self, event: Event) -> dict[str, str]:
        """All that the client handed to its hook at the last event of this name."""
        text = self.events_file.with_name(f"{self.events_file.name}-{event.name}").read_text()
        return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))

    def wait_for(self, names: str, *, after: int = 0, timeout: float = PATIENCE_S) -> Event:
        """The first event of one of ``names`` (``a|b``) beyond ``after`` events. AssertionError."""
        limit = time.monotonic() + timeout
        while time.monotonic() < limit:
            for event in self.events()[after:]:
                if event.name in names.split("|"):
                    return event
            time.sleep(0.05)
        raise AssertionError(
            f"{self.program}: no {names} in {self.events()}\n{self.process.tail()}"
        )


class Dhclient(RealClient):
    """isc-dhcp-client. It has no signal for renewing."""

    program = "dhclient"

    def _argv(self, *words: str) -> list[str]:
        files = {"-lf": "leases", "-pf": "pid", "-cf": "conf"}
        (self.folder / "conf").write_text("initial-interval 1;\nbackoff-cutoff 2;\n")
        named = [word for flag, name in files.items() for word in (flag, str(self.folder / name))]
        return ["dhclient", "-4", *words, *named, "-sf", str(self.hook), self.interface]

    def argv(self) -> list[str]:
        return self._argv("-d")

    def release(self) -> None:
        self.lab.run(self.namespace, self._argv("-r"))


class Udhcpc(RealClient):
    """busybox's client."""

    program = "udhcpc"

    def argv(self) -> list[str]:
        return ["udhcpc", "-f", "-R", "-t", "5", "-T", "1", "-i", self.interface,
                "-s", str(self.hook)]  # fmt: skip

    def renew(self) -> None:
        self.process.send_signal(signal.SIGUSR1)

    def release(self) -> None:
        self.process.send_signal(signal.SIGUSR2)


class Dhcpcd(RealClient):
    """dhcpcd-base. Its folders are fixed, so it sees empty ones of its own in their places."""

    program = "dhcpcd"
    PRIVATE = 'for at in /run /var/lib/dhcpcd; do mount -t tmpfs tmpfs $at; done; exec "$@"'

    def argv(self) -> list[str]:
        conf = self.folder / "conf"
        conf.write_text(
            "hostname\nclientid\noption domain_name_servers, domain_name\n"
            "require dhcp_server_identifier\nnohook resolv.conf\nnoarp\nnoipv4ll\n"
        )
        own_folders = ["unshare", "--mount", "sh", "-ec", self.PRIVATE, "sh"]
        options = ["-4", "-B", "-d", "-f", str(conf), "-c", str(self.hook)]
        return [*own_folders, tool("dhcpcd"), *options, self.interface]

    def renew(self) -> None:
        self.process.send_signal(signal.SIGUSR1)

    def release(self) -> None:
        self.process.send_signal(signal.SIGALRM)


CLIENTS: dict[str, type[RealClient]] = {c.program: c for c in (Dhclient, Udhcpc, Dhcpcd)}


def perfdhcp(
    lab: Lab, namespace: str, server: str, relay: str, *, rate: int, exchanges: int, clients: int
) -> "PerfdhcpResult":
    """Run perfdhcp as a relay agent until it has begun so many exchanges; what it counted.

    ``rate``: how many it tries to begin a second; a slow machine makes it later, not fewer.
    -W: it waits for what is under way at its end (else it counts that as lost).
    """
    argv = ["perfdhcp", "-4", "-r", str(rate), "-R", str(clients), "-n", str(exchanges),
            "-W", "2000000", "-l", relay, server]  # fmt: skip
    done = lab.run(namespace, argv, timeout=exchanges / rate + PERFDHCP_PATIENCE_S)
    return PerfdhcpResult.parse(done.stdout + done.stderr)


@dataclasses.dataclass(frozen=True)
class PerfdhcpResult:
    """Packets that perfdhcp counted, for each of the two exchanges."""

    sent: tuple[int, int]
    received: tuple[int, int]
    text: str

    @classmethod
    def parse(cls, text: str) -> "PerfdhcpResult":
        sent = re.findall(r"^sent packets: (\d+)", text, re.MULTILINE)
        received = re.findall(r"^received packets: (\d+)", text, re.MULTILINE)
        assert len(sent) == len(received) == 2, text
        one, other = zip(map(int, sent), map(int, received), strict=True)
        return cls((one[0], other[0]), (one[1], other[1]), text)


def dhcrelay(lab: Lab, namespace: str, down: str, up: str, server: str) -> Process:
    """isc-dhcp-relay from the interface ``down`` to ``server`` through ``up``."""
    process = lab.start(
        namespace, ["dhcrelay", "-4", "-d", "-a", "-id", down, "-iu", up, server]
    )  # fmt: skip
    process.wait_for("Sending on")
    return process
