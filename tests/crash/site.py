"""The server under load: real processes in a namespace, found by pid, killed, started again."""

import contextlib
import ipaddress
import os
import select
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.crash.clients import Link, make_clients
from tests.crash.ledger import boot_time, text
from tests.crash.pack import RETRY_S, Pack
from tests.crash.reserved import CLASSES, NAMED, WHEN, Reserved
from tests.lab import Lab
from tests.lab.patience import PATIENCE_S, Stopwatch
from tests.lab.servers import FastDHCP, Name

SERVER = "10.77.0.1"
RELAY = "10.77.0.2"
LONG = Link(int(ipaddress.IPv4Address("10.78.0.2")), grace_s=64)
SHORT = Link(int(ipaddress.IPv4Address("10.79.0.2")), grace_s=1, lease_s=(2, 5))


SPREAD = 6, 17
"""Blocks of 256 addresses that the two pools of long leases are spread over, if they are."""

Range = tuple[int, int]


def long_pools(clients: int, *, spread: bool) -> tuple[list[Range], list[Range]]:
    """First and last addresses of the pools of clients with option 61, a quarter of all, and of
    those of the others: each have a quarter more than they need. `spread`: over many blocks."""
    first = int(ipaddress.IPv4Address("10.78.0.10"))
    named, others = clients // 4 * 5 // 4, clients * 5 // 8 * 5 // 4 + 1
    if not spread:
        return [(first, first + named - 1)], [(first + named, first + named + others - 1)]
    starts = [first + 256 * block for block in range(sum(SPREAD))]
    each = [-(-size // blocks) for size, blocks in zip((named, others), SPREAD, strict=True)]
    return (
        [(start, start + each[0] - 1) for start in starts[: SPREAD[0]]],
        [(start, start + each[1] - 1) for start in starts[SPREAD[0] :]],
    )


def configuration(
    clients: int, workers: int, spread: bool, reserved: Reserved, csv: Path, **server: object
) -> dict[str, object]:
    """A quarter more than are needed on the link of long leases; three addresses for four clients
    on the other. Few chunks: passes of the checkpoint end soon, and what no client asks for again
    is in no journal any more."""
    named, others = (
        [f"{text(low)}-{text(high)}" for low, high in ranges]
        for ranges in long_pools(clients, spread=spread)
    )
    last_short = ipaddress.IPv4Address("10.79.0.9") + max(clients // 8 * 3 // 4, 4)
    return {
        "server": {
            "interfaces": [],
            "workers": workers,
            "max-addresses": 65536,
            "trust-wall-clock": "always",
            "journal-max-size": "1M",  # passes of the checkpoint all the time
            "reservation-files": [str(csv)],
            **server,
        },
        "defaults": {"authoritative": True, "offer-hold": 5, "decline-time": 6},
        "classes": CLASSES,
        "subnets": [
            {
                "subnet": "10.78.0.0/19",
                "pools": [
                    *({"range": pool, "allow": [NAMED]} for pool in named),
                    *({"range": pool, "deny": [NAMED]} for pool in others),
                ],
                "when": WHEN,
                "reservations": reserved.tables(78),
                "lease-time": "1h",
                "lease-time-min": 300,
                "lease-time-max": "30d",
            },
            {
                "subnet": "10.79.0.0/20",
                "pools": [f"10.79.0.10-{last_short}"],
                "reservations": reserved.tables(79),
                "lease-time": 4,
                "lease-time-min": 2,
                "lease-time-max": 6,
                "reuse-grace": int(SHORT.grace_s),
                "offer-hold": 2,
            },
        ],
    }


class Site:
    """A node with its state directory, and the pack that loads it from behind a link."""

    def __init__(
        self,
        lab: Lab,
        seed: int,
        *,
        clients: int = 800,
        workers: int = 3,
        spread: bool = False,
        retry_s: float = RETRY_S,
        **server: object,
    ) -> None:
        self.lab = lab
        self.workers = workers
        lab.veth(f"server:srv0={SERVER}/24", f"clients:rel0={RELAY}/24")
        lab.ip("server", "route", "add", "10.78.0.0/15", "via", RELAY)
        # All addresses of both links are the pack's: it hears what is sent to any of them.
        lab.ip("clients", "route", "add", "local", "10.78.0.0/15", "dev", "lo")
        self.server: FastDHCP | None = None
        self.members = make_clients(clients, LONG, SHORT)
        self.reserved = Reserved()
        ends = [ranges[-1][1] for ranges in long_pools(clients, spread=spread)]
        self.reserved.choose(self.members, [end - i for i in range(clients // 40) for end in ends])
        namespace = lab.netns("clients")
        self.pack = Pack(
            namespace, SERVER, self.members, workers, seed, self.reserved, retry_s=retry_s
        )
        lab.callback(self.pack)
        self._settings = clients, workers, spread, server
        self._reload_at = 0

    # ---- start and end

    def spawn(self, crash: str | None = None) -> None:
        """``serve``, by exec; ``crash``: where processes are to kill themselves."""
        env = {"FASTDHCP_CRASH": crash} if crash else {}
        self.reserved.unsure()
        config = self._config()
        self.server = FastDHCP(self.lab, "server", config, ready=False, name="node", env=env)
        self._log_read = 0

    def _config(self) -> dict[str, object]:
        clients, workers, spread, server = self._settings
        csv = self.lab.folder / "reserved.csv"
        csv.write_text(self.reserved.csv())
        return configuration(clients, workers, spread, self.reserved, csv, **server)

    def start(self, crash: str | None = None) -> float:
        """Spawns it and loads it on until it says that it is ready. Seconds that took."""
        began = time.monotonic()
        self.spawn(crash)
        self.expect(self.is_ready, PATIENCE_S, "ready")
        self.reserved.since_s = boot_time()
        return time.monotonic() - began

    def is_ready(self) -> bool:
        assert self.server is not None
        process = self.server.process
        assert process.returncode is None, process.tail()
        with process.log.open() as log:
            log.seek(self._log_read)
            return any(" ready" in line and "store" not in line for line in log)

    def expect(self, holds: Callable[[], bool], seconds: float, what: str) -> float:
        """Goes on with the load until something holds. Seconds that took; AssertionError."""
        began = time.monotonic()
        if not self.pack.run(seconds, until=holds):
            raise AssertionError(f"not within {seconds} s: {what}")
        return time.monotonic() - began

    @property
    def pid(self) -> int:
        """The supervisor's."""
        assert self.server is not None
        return self.server.process.pid

    @property
    def state(self) -> Path:
        assert self.server is not None
        return self.server.folder / "state" / "leases"

    def children(self) -> dict[Name, int]:
        """The living processes by role and index."""
        assert self.server is not None
        return self.server.processes()

    def reload(self) -> None:
        """HUP: reservations come, or go again, on addresses that somebody holds."""
        assert self.server is not None
        now = boot_time()
        self.reserved.choose_late(self.pack.ledger.held(now), self.members)
        self.reserved.switch()
        self.server.write(self._config())
        self._reload_at = len(self.server.process.text())
        os.kill(self.pid, signal.SIGHUP)

    def reloaded(self) -> bool:
        """Whether the last reload is in force; one that was refused is asked for again."""
        assert self.server is not None
        log = self.server.process.text()[self._reload_at :]
        if " reload-refused " in log:
            self._reload_at += len(log)
            os.kill(self.pid, signal.SIGHUP)
        return " reloaded " in log

    def deaths(self) -> int:
        """How many processes the log says have died since the last start."""
        assert self.server is not None
        return self.server.process.text().count(" process-died ")

    def kill(self, pids: Iterable[int]) -> float:
        """SIGKILL; returns when all are dead, and the instant at which the last one was."""
        handles = []
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                handles.append(os.pidfd_open(pid))
        for handle in handles:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        for handle in handles:
            assert select.select([handle], [], [], PATIENCE_S)[0], "outlives SIGKILL"
            os.close(handle)
        return boot_time()

    def kill_all(self) -> None:
        """Every process at once."""
        self.kill([self.pid, *self.children().values()])
        self.reap()

    def kill_supervisor(self) -> float:
        """It alone: seconds, by a Stopwatch, until the last of its children is gone too."""
        pids = list(self.children().values())
        handles = [os.pidfd_open(pid) for pid in pids]
        watch = Stopwatch(*pids)
        self.kill([self.pid])
        for handle in handles:
            while not select.select([handle], [], [], 0.002)[0]:
                watch.look()
                assert watch.seconds() < PATIENCE_S, "outlives the supervisor"
            os.close(handle)
        took = watch.seconds()
        self.reap()
        return took

    def reap(self) -> None:
        assert self.server is not None
        self.server.process.popen.wait(PATIENCE_S)

    @contextlib.contextmanager  # type: ignore[arg-type]
    def supervisor_stopped(self):  # type: ignore[no-untyped-def]
        """Nobody replaces the dead meanwhile."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)
