"""DHCP servers under test: fastdhcp, and two others that prove the tests themselves."""

import contextlib
import dataclasses
import ipaddress
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import toml
from .net import Lab
from .patience import PATIENCE_S
from .process import Process

ROOT = Path(__file__).resolve().parent.parent.parent
Name = tuple[str, int]  # of a process: its role and index


@dataclasses.dataclass(frozen=True)
class Subnet:
    """A subnet with one pool; ``reserved`` gives an address to a hardware address."""

    prefix: str = "10.77.0.0/22"
    pool: tuple[str, str] = ("10.77.1.1", "10.77.1.250")
    router: str = "10.77.0.1"
    reserved: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Site:
    """What is asked of any server, in words that all of them have.

    ``local`` are the interfaces with clients on their links; the rest is relayed.
    """

    subnets: tuple[Subnet, ...] = (Subnet(),)
    interfaces: tuple[str, ...] = ("srv0",)
    local: tuple[str, ...] = ("srv0",)
    lease_time: int = 120
    renewal_time: int = 60
    rebinding_time: int = 105
    name_server: str = "10.77.0.2"
    domain: str = "campus.example"


class Server:
    """A DHCP server in a namespace of the lab."""

    process: Process

    def __init__(self, lab: Lab, namespace: str, site: Site = Site()) -> None:
        self.lab, self.site = lab, site
        self.namespace = namespace
        self.folder = lab.folder / f"{type(self).__name__.lower()}-{namespace}"
        self.folder.mkdir(exist_ok=True)

    def stop(self) -> int:
        """Stop it gracefully; the exit code."""
        return self.process.stop(signal.SIGTERM)


class Dnsmasq(Server):
    """dnsmasq, DHCP only. It has no lease times under two minutes."""

    def __init__(self, lab: Lab, namespace: str, site: Site = Site()) -> None:
        super().__init__(lab, namespace, site)
        argv = [
            # --no-daemon: it sets no groups, which a user namespace does not allow.
            "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0",
            "--log-facility=-", "--log-dhcp", "--dhcp-authoritative", "--no-ping",
            f"--dhcp-leasefile={self.folder / 'leases'}", "--pid-file=", "--leasefile-ro",
            f"--dhcp-option=option:T1,{site.renewal_time}",
            f"--dhcp-option=option:T2,{site.rebinding_time}",
            f"--dhcp-option=option:dns-server,{site.name_server}",
            f"--domain={site.domain}", "--dhcp-lease-max=100000",
        ]  # fmt: skip
        for subnet in site.subnets:
            argv += _dnsmasq_subnet(subnet, site)
        self.process = lab.start(namespace, argv)
        self.process.wait_for(rf"(IP range[\s\S]*){{{len(site.subnets)}}}")


def _dnsmasq_subnet(subnet: Subnet, site: Site) -> list[str]:
    tag = subnet.prefix.replace("/", "-")
    mask = ipaddress.ip_network(subnet.prefix).netmask
    range_ = f"set:{tag},{','.join(subnet.pool)},{mask},{site.lease_time}"
    hosts = [f"--dhcp-host={hw},{address}" for hw, address in subnet.reserved]
    router = f"--dhcp-option=tag:{tag},option:router,{subnet.router}"
    return [f"--dhcp-range={range_}", router, *hosts]


class Kea(Server):
    """kea-dhcp4 with leases in memory. ``more``: options by Kea's names, as Kea writes them."""

    def __init__(
        self, lab: Lab, namespace: str, site: Site = Site(), more: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(lab, namespace, site)
        options = {
            "domain-name-servers": site.name_server,
            "domain-name": site.domain,
            **(more or {}),
        }
        config = {
            "Dhcp4": {
                "interfaces-config": {
                    "interfaces": list(site.interfaces),
                    "dhcp-socket-type": "raw" if site.local else "udp",
                },
                "lease-database": {"type": "memfile", "persist": False},
                "valid-lifetime": site.lease_time,
                "renew-timer": site.renewal_time,
                "rebind-timer": site.rebinding_time,
                "authoritative": True,
                "option-data": [{"name": k, "data": v} for k, v in options.items()],
                "subnet4": [_kea_subnet(n, s) for n, s in enumerate(site.subnets, 1)],
                "loggers": [
                    {
                        "name": "kea-dhcp4",
                        "severity": "INFO",
                        "output_options": [{"output": "stdout"}],
                    }
                ],
            }
        }
        path = self.folder / "kea.json"
        path.write_text(json.dumps(config))
        names = ("KEA_PIDFILE_DIR", "KEA_LOCKFILE_DIR")
        env = {name: str(self.folder) for name in names}
        self.process = lab.start(namespace, ["kea-dhcp4", "-c", str(path)], env=env)
        self.process.wait_for("DHCP4_STARTED")


def _kea_subnet(number: int, subnet: Subnet) -> dict[str, object]:
    return {
        "id": number,
        "subnet": subnet.prefix,
        "pools": [{"pool": " - ".join(subnet.pool)}],
        "option-data": [{"name": "routers", "data": subnet.router}],
        "reservations": [{"hw-address": hw, "ip-address": ip} for hw, ip in subnet.reserved],
    }


class FastDHCP(Server):
    """``fastdhcp serve`` with a configuration: tables as in the TOML file.

    State and runtime directory stand in a folder of the lab, that of the last server in the
    namespace or of ``name``, unless the configuration names others. ``wrapper`` is a program
    that ends in exec of what follows it.
    """

    def __init__(
        self,
        lab: Lab,
        namespace: str,
        site: Site | toml.Config = Site(),
        *,
        ready: bool = True,
        name: str | None = None,
        wrapper: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(lab, namespace, site if isinstance(site, Site) else Site())
        if name:
            self.folder = lab.folder / name
            self.folder.mkdir(exist_ok=True)
        self.config_file = self.folder / "fastdhcp.toml"
        self.write(site)
        argv = [sys.executable, "-m", "fastdhcp", "serve", "-c", str(self.config_file)]
        self.process = lab.start(namespace, [*wrapper, *argv], "fastdhcp", environment(env))
        if ready:
            self.process.wait_for(r"\bready\b")

    def write(self, site: Site | toml.Config) -> None:
        """Write the configuration file anew (``reload`` has it taken)."""
        config = dict(site_config(site) if isinstance(site, Site) else site)
        server = config.get("server", {})
        assert isinstance(server, Mapping)
        folders = {"state-directory": "state", "runtime-directory": "run"}
        config["server"] = {**folders, **server}
        self.config_file.write_text(toml.dumps(config))

    def command(self, *words: str, timeout: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
        """``fastdhcp WORDS -c FILE`` in the server's namespace, run to its end."""
        argv = [sys.executable, "-m", "fastdhcp", *words, "-c", str(self.config_file)]
        return self.lab.run(self.namespace, argv, timeout, **environment())

    def status(self) -> dict[str, object]:
        """``fastdhcp status --json``."""
        found = json.loads(self._output("status", "--json"))
        assert isinstance(found, dict)
        return found

    def processes(self) -> dict[Name, int]:
        """Its living processes but the supervisor, which are named by their command lines.

        One that has just died, or has not called exec yet, has no name and is left out.
        """
        found: dict[Name, int] = {}
        for pid in self.process.children():
            with contextlib.suppress(OSError):  # it was waited for since it was listed
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
                if "fastdhcp.process" in words:
                    at = words.index("fastdhcp.process")
                    found[words[at + 1], int(words[at + 2])] = pid
        return found

    def pids(self, role: str) -> list[int]:
        """The living processes of a role (worker, store, control), in the order of their index."""
        return [pid for (kind, _), pid in sorted(self.processes().items()) if kind == role]

    def leases(self) -> list[dict[str, object]]:
        """``fastdhcp leases export --json``: one object a line."""
        lines = self._output("leases", "export", "--json").splitlines()
        return [json.loads(line) for line in lines if line.strip()]

    def lease(self, address: str) -> dict[str, object] | None:
        return next((lease for lease in self.leases() if lease["address"] == address), None)

    def metrics(self) -> dict[str, float]:
        """/metrics by series, as ``name{labels}``. Needs ``control.listen`` at 127.0.0.1:8067."""
        with self.lab.netns(self.namespace):
            answer = urllib.request.urlopen("http://127.0.0.1:8067/metrics", timeout=PATIENCE_S)
        with answer:
            text = answer.read().decode()
        lines = (x for x in text.splitlines() if x and not x.startswith("#"))
        return {name: float(value) for name, value in (x.rsplit(" ", 1) for x in lines)}

    def dropped(self) -> dict[str, float]:
        """Drop reasons with a count, from fastdhcp_packets_dropped_total."""
        head, tail = 'fastdhcp_packets_dropped_total{reason="', '"}'
        found = self.metrics().items()
        return {k[len(head) : -len(tail)]: v for k, v in found if k.startswith(head) and v}

    def reload(self, pattern: str = "reload") -> None:
        """HUP; returns when the log says so by a line with ``pattern``."""
        at = len(self.process.text())
        self.process.send_signal(signal.SIGHUP)
        self.process.wait_for(pattern, after=at)

    def _output(self, *words: str) -> str:
        done = self.command(*words)
        assert done.returncode == 0, f"fastdhcp {' '.join(words)}: {done.stderr}"
        return done.stdout


def site_config(site: Site) -> dict[str, object]:
    """The tables of fastdhcp's configuration for a Site."""
    return {
        "server": {"interfaces": list(site.local)},
        "control": {"listen": "127.0.0.1:8067"},
        "defaults": {
            "lease-time": site.lease_time,
            "renewal-time": site.renewal_time,
            "rebinding-time": site.rebinding_time,
            "authoritative": True,
            "options": {"domain-name-servers": [site.name_server], "domain-name": site.domain},
        },
        "subnets": [_fastdhcp_subnet(subnet) for subnet in site.subnets],
    }


def _fastdhcp_subnet(subnet: Subnet) -> dict[str, object]:
    return {
        "subnet": subnet.prefix,
        "pools": ["-".join(subnet.pool)],
        "options": {"routers": [subnet.router]},
        "reservations": [{"hw-address": hw, "address": ip} for hw, ip in subnet.reserved],
    }


def environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """A source tree built in place is found whatever the folder the program runs in.

    With FASTDHCP_SANITIZE=1, as for the build, the sanitizers' libraries come first; what they
    find ends the process.
    """
    path = os.environ.get("PYTHONPATH")
    found = {"PYTHONPATH": f"{ROOT}:{path}" if path else str(ROOT), **(env or {})}
    if os.environ.get("FASTDHCP_SANITIZE") == "1":
        found["LD_PRELOAD"] = " ".join(map(_library, ("libasan.so", "libubsan.so")))
        found["ASAN_OPTIONS"] = "detect_leaks=0:abort_on_error=1"
        found["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=1"
    return found


def _library(name: str) -> str:
    argv = ["gcc", f"-print-file-name={name}"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


SERVERS: dict[str, type[Dnsmasq] | type[Kea] | type[FastDHCP]] = {
    "fastdhcp": FastDHCP,
    "dnsmasq": Dnsmasq,
    "kea": Kea,
}
