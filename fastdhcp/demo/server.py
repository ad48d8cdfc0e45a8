"""The demo's server: `fastdhcp serve` as anybody starts it, with a folder of its own."""

import re
import signal
import socket
import subprocess
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path

from fastdhcp.demo.namespaces import Namespace, die_with_parent
from fastdhcp.demo.network import GIADDR, SERVER

START_S = 20.0
STOP_S = 10.0
LEASE_S, T1_S = 60, 8
POOL_MIN = 32

CONFIGURATION = """\
[server]
interfaces = ["srv0"]
state-directory = "state"
runtime-directory = "run"

[defaults]
lease-time = {lease}
renewal-time = {t1}
authoritative = true

[defaults.options]
domain-name-servers = ["{server}"]
domain-name = "demo.example"

[[subnets]]                      # the link: clients reach it by broadcast
subnet = "10.77.0.0/16"
interface = "srv0"
pools = ["10.77.1.0-{local_last}"]
options = {{ routers = ["{server}"] }}

[[subnets]]                      # behind the relay agent
subnet = "10.88.0.0/16"
pools = ["10.88.1.0-{relayed_last}"]
options = {{ routers = ["{giaddr}"] }}
"""

STORM = """
[[subnets]]                      # the district that comes back after a power cut
subnet = "10.96.0.0/12"
pools = ["10.96.1.0-{storm_last}"]
"""


class ServerFailed(Exception):
    """It did not start; the text is the end of its log."""


def configuration(local: int, relayed: int, storm: int) -> str:
    """TOML, with pools a quarter larger than the crowds, so that their use is worth a look."""
    text = CONFIGURATION.format(
        lease=LEASE_S,
        t1=T1_S,
        server=SERVER,
        giaddr=GIADDR,
        local_last=_last("10.77.1.0", local),
        relayed_last=_last("10.88.1.0", relayed),
    )
    return text + (STORM.format(storm_last=_last("10.96.1.0", storm)) if storm else "")


def _last(first: str, clients: int) -> IPv4Address:
    return IPv4Address(first) + max(POOL_MIN, clients * 5 // 4) - 1


class Server:
    """Runs in a namespace until `stop`; the kernel stops it if we die before."""

    def __init__(self, namespace: Namespace, folder: Path, text: str, http: socket.socket) -> None:
        self.socket_path = folder / "run" / "control.sock"
        self._log = folder / "server.log"
        path = folder / "fastdhcp.toml"
        path.write_text(text)
        argv = [sys.executable, "-P", "-m", "fastdhcp", "serve", "-c", str(path)]
        argv += ["--http-fd", str(http.fileno())]
        with namespace.inside(), self._log.open("wb") as log:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[http.fileno()],
                # A session of its own: Ctrl-C is ours, and the server is stopped after the clients.
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(signal.SIGTERM),
            )

    def await_ready(self) -> float:
        """Seconds that it took. Raises ServerFailed."""
        start = time.monotonic()
        while not re.search(r"\bready\b", self.log()):
            if self._process.poll() is not None or time.monotonic() > start + START_S:
                raise ServerFailed(self.tail(20) or "the server said nothing")
            time.sleep(0.02)
        return time.monotonic() - start

    def died(self) -> bool:
        return self._process.poll() is not None

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def tail(self, lines: int) -> str:
        return "\n".join(self.log().splitlines()[-lines:])

    def stop(self) -> int:
        """Gracefully, by force after STOP_S. Returns its exit code."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            # The supervisor's children die with it.
            self._process.kill()
            return self._process.wait()
