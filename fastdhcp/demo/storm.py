"""A power cut over a district: all its modems at once, played by the load generator."""

import importlib.util
import json
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

from fastdhcp.demo.namespaces import Namespace, die_with_parent
from fastdhcp.demo.network import STORM_RELAY, STORM_SERVER

WINDOW = 128
"""Exchanges under way: no more than a receive buffer holds where nobody may enlarge it."""


@dataclass(frozen=True)
class Outcome:
    """What the generator saw. `rate` is DORAs a second, latencies are seconds by message."""

    clients: int
    bound: int
    seconds: float
    rate: float
    latencies: dict[str, dict[str, float]]
    errors: dict[str, int]

    @property
    def wrong(self) -> dict[str, int]:
        """Errors but silence: a machine that is too slow for the storm breaks no rule."""
        return {name: count for name, count in self.errors.items() if name != "unanswered"}

    def __str__(self) -> str:
        dora = self.latencies["exchange"]
        words = (
            f"power cut: {self.bound} of {self.clients} modems behind one relay agent were back "
            f"after {self.seconds:.2f} s, {self.rate:.0f} leases/s, "
            f"DORA p50 {dora['p50'] * 1e3:.1f} ms, p99 {dora['p99'] * 1e3:.1f} ms"
        )
        faults = ", ".join(f"{name} {count}" for name, count in self.errors.items())
        return f"{words} ({faults})" if faults else words


def available() -> bool:
    """Whether the load generator is installed."""
    return importlib.util.find_spec("fastdhcp_bench") is not None


class Storm:
    """The generator, once, as a process behind a relay agent's address of its own."""

    def __init__(self, namespace: Namespace, clients: int) -> None:
        self.said = ""
        """What is to be told of it, empty before it begins."""
        self.outcome: Outcome | None = None
        self._namespace, self._clients = namespace, clients
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Nothing if there are no clients for it."""
        if not self._clients:
            return
        argv = [sys.executable, "-P", "-m", "fastdhcp", "bench", "--json", "--circuit-id"]
        argv += ["--server", STORM_SERVER, "--relay", STORM_RELAY, "--window", str(WINDOW)]
        # No trains: a veth link hands them over whole, to the worker of the first message.
        argv += ["--clients", str(self._clients), "--exchanges", str(self._clients), "--train", "1"]
        self.said = f"power cut: {self._clients} modems come back at once ..."
        with self._namespace.inside():
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(signal.SIGKILL),
            )

    def follow(self) -> None:
        """Looks whether it is over."""
        if self._process is None or self._process.poll() is None:
            return
        self._process = None
        self._output.seek(0)
        text = self._output.read().decode(errors="replace")
        try:
            self.outcome = _outcome(json.loads(text), self._clients)
            self.said = str(self.outcome)
        except (ValueError, KeyError):
            self.said = f"the load generator failed: {text.strip() or 'it said nothing'}"

    def give_up(self) -> None:
        """The demo is over: say so if the storm is not."""
        self.follow()
        if self._process is not None:
            self.said = f"power cut: not all {self._clients} modems were back when the demo ended"

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._output.close()


def _outcome(found: dict[str, Any], clients: int) -> Outcome:
    latencies = {
        name: {part: figures[f"{part}_ns"] / 1e9 for part in ("p50", "p90", "p99", "max")}
        for name, figures in found["counts"]["latency"].items()
    }
    return Outcome(
        clients, found["bound"], found["seconds"], found["rate"], latencies, found["errors"]
    )
