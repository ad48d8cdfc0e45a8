"""Lab: the namespaces, links and processes of one test, and their end."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .namespaces import Namespace
from .patience import PATIENCE_S
from .process import Process, tool

_PREFIX = "fastdhcp-lab"


class Lab:
    """Makes what a network test needs and undoes all of it in ``close``.

    ``folder`` is short (a unix socket's path has room for 107 octets) and carries our pid; those
    of test runs that died are removed when the next Lab is made.
    """

    trains = True
    """Links have trains of replies cut before them, as hardware does; else they are handed over
    whole, and the server sends none."""

    def __init__(self) -> None:
        _remove_leftovers()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}-{os.getpid()}-"))
        self.namespaces: dict[str, Namespace] = {}
        self.processes: list[Process] = []
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def netns(self, name: str) -> Namespace:
        """The namespace of that name; made, with its loopback up, when first asked for."""
        if name not in self.namespaces:
            self.namespaces[name] = Namespace(name)
            self.ip(name, "link", "set", "lo", "up")
        return self.namespaces[name]

    def ip(self, namespace: str, *words: str) -> str:
        """Run ``ip WORDS`` in a namespace; its output. Raises AssertionError with its complaint."""
        done = self.run(namespace, ["ip", *words])
        assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"
        return done.stdout

    def veth(self, one: str, other: str) -> None:
        """A link between ``NAMESPACE:INTERFACE[=ADDRESS/LENGTH]`` and another such end, both up."""
        (ns, name, address), (ns2, name2, address2) = _end(one), _end(other)
        peer = ["peer", "name", name2, "netns", self.netns(ns2).path]
        self.netns(ns)
        self.ip(ns, "link", "add", name, "type", "veth", *peer)
        if self.trains:
            self.take_trains(ns, name, False)
            self.take_trains(ns2, name2, False)
        self._up(ns, name, address)
        self._up(ns2, name2, address2)
        # Until the kernel has noticed the carrier, what is sent is thrown away.
        while not all("state UP" in self.ip(*end) for end in _shows((ns, name), (ns2, name2))):
            time.sleep(0.005)

    def take_trains(self, namespace: str, interface: str, whole: bool) -> None:
        """Whether the interface takes trains whole, or the kernel cuts them before it."""
        argv = ["ethtool", "-K", interface, "tx-udp-segmentation", "on" if whole else "off"]
        done = self.run(namespace, argv)
        assert done.returncode == 0, done.stderr

    def tap(self, end: str) -> None:
        """A link ``NAMESPACE:INTERFACE[=ADDRESS/LENGTH]`` whose other end is a virtual machine's.

        It has no carrier until a program holds it.
        """
        ns, name, address = _end(end)
        self.netns(ns)
        self.ip(ns, "tuntap", "add", "dev", name, "mode", "tap")
        self._up(ns, name, address)

    def bridge(self, end: str, *ports: str) -> None:
        """A bridge ``NAMESPACE:INTERFACE[=ADDRESS/LENGTH]`` over interfaces of that namespace."""
        ns, name, address = _end(end)
        self.netns(ns)
        self.ip(ns, "link", "add", name, "type", "bridge", "forward_delay", "0")
        for port in ports:
            self.ip(ns, "link", "set", port, "master", name)
        self._up(ns, name, address)

    def _up(self, namespace: str, interface: str, address: str | None) -> None:
        # Duplicate address detection of IPv6 would only add noise to what is captured.
        with self.netns(namespace), contextlib.suppress(OSError):
            Path(f"/proc/sys/net/ipv6/conf/{interface}/disable_ipv6").write_text("1")
        if address:
            self.ip(namespace, "address", "add", address, "brd", "+", "dev", interface)
        self.ip(namespace, "link", "set", interface, "up")

    def run(
        self, namespace: str, argv: Sequence[str], timeout: float = PATIENCE_S, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in a namespace to its end; never raises for its exit code."""
        with self.netns(namespace):
            return subprocess.run(
                [tool(argv[0]), *argv[1:]],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
                env={**os.environ, **env},
            )

    def start(
        self,
        namespace: str,
        argv: Sequence[str],
        name: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Process:
        """Start a program in a namespace; it is stopped at the latest by ``close``."""
        stem = f"{len(self.processes):02d}-{name or Path(argv[0]).name}"
        with self.netns(namespace):
            process = Process(argv, self.folder / f"{stem}.log", env)
        self.processes.append(process)
        return process

    def callback(self, closer: object) -> None:
        """Close ``closer`` (whatever has ``close``) with the lab."""
        self._stack.push(contextlib.closing(closer))  # type: ignore[type-var]

    def counters(self, namespace: str, protocol: str) -> dict[str, int]:
        """The protocol's line of the namespace's /proc/net/snmp, by name: InReceives, ..."""
        with self.netns(namespace):
            text = Path("/proc/thread-self/net/snmp").read_text()
        names, values = re.findall(rf"^{protocol}: (.*)$", text, re.MULTILINE)
        return dict(zip(names.split(), map(int, values.split()), strict=True))

    def udp_counters(self, namespace: str) -> dict[str, int]:
        """InDatagrams, RcvbufErrors, ..."""
        return self.counters(namespace, "Udp")

    def logs(self) -> str:
        """The end of what each process wrote, for the report of a failed test."""
        return "\n".join(f"--- {p.log.name} {p.argv}\n{p.tail(60)}" for p in self.processes)

    def close(self, *, keep: bool = False) -> None:
        """Kill all processes, drop all namespaces; remove the folder unless ``keep``.

        Who wants to see a process end of itself stops it before.
        """
        for process in reversed(self.processes):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.kill()
        self._stack.close()
        for namespace in self.namespaces.values():
            namespace.close()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def _shows(*ends: tuple[str, str]) -> list[tuple[str, ...]]:
    return [(namespace, "link", "show", "dev", name) for namespace, name in ends]


def _end(text: str) -> tuple[str, str, str | None]:
    namespace, rest = text.split(":", 1)
    interface, _, address = rest.partition("=")
    return namespace, interface, address or None


def _remove_leftovers() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}-*"):
        pid = folder.name.split("-")[2]
        if not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)
