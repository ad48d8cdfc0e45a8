"""A run of the load generator: prime, warm up, measure, drain, report."""

import socket
import time
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from fastdhcp.words import address_number
from fastdhcp_bench._load import Load
from fastdhcp_bench.ledger import Entry, ledger_hash, read_ledger
from fastdhcp_bench.machine import NOTHING, Sample
from fastdhcp_bench.sockets import frame_socket, link_socket, relay_socket

Mode = Literal["dora", "discover", "renew", "reboot", "mix"]
Weights = tuple[int, int, int, int]

WEIGHTS: dict[Mode, Weights] = {
    "dora": (1000, 0, 0, 0),
    "discover": (1000, 0, 0, 0),
    "renew": (0, 1000, 0, 0),
    "reboot": (0, 0, 1000, 0),
    "mix": (200, 600, 100, 100),
}
"""Per mille of DORA, renew, INIT-REBOOT, release, for a client that holds a lease. Of a DORA
"discover" is the first half: a DISCOVER, and the OFFER of the lease that the client has."""

TURN_S = 0.1
"""Between two looks at signals, phases and the caller's stop."""
MARK_S = 0.02
"""A whole second of the clock that was seen no later than this counts as seen."""
FOREVER = 2**64 - 1
PRIME_S = 60.0
"""A million clients of a server that serves 20,000 a second."""

CIRCUIT_ID_SIZE = 15
"""Octets of "port-0000000042"; what is longer has dots behind it."""
REQUEST_LIST = bytes((1, 3, 6, 15, 51, 54))
"""Option 55 as common clients send it."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. Times are seconds.

    relay is an address of this host (namespace): it is giaddr, and answers come to it. Ports
    other than 67 serve tests without privilege. `first` numbers the first client. `rate` bounds
    the exchanges started a second (0: the window alone does). `train` is the number of messages
    in one system call: 1 where the server's sockets have steering filters *and* nothing segments on
    the way (loopback), since a filter sees each message of a train that came to one socket.

    `relays` relay agents have the addresses from `relay` on and share a socket; `burst` clients of
    one start after one another, then those of the next. With `interface` there is none: the
    clients are on that link, at relay_port (68), and ask for answers by broadcast; with `frames`
    they do not, and each answer must come to the client's own hardware address and port 68.

    With `lease_time` each exchange of a client asks for a second more than its one before, so that
    a renewal changes the lease however soon it comes, if the server lets clients choose.

    `renewals` is the part of the starts that are renewals, by as large a part of the clients, which
    got their leases before. The rest is of other clients.

    A `storm` is the whole population at once, each client until it has its lease or has tried
    `tries` times: no window, and the waits of RFC 2131 4.1, `timeout` (4) seconds, then twice that
    and so on, 64 at most.
    """

    server: str
    relay: str = "0.0.0.0"
    relays: int = 1
    burst: int = 1
    interface: str = ""
    frames: bool = False
    storm: bool = False
    server_port: int = 67
    relay_port: int = 67
    clients: int = 1000
    window: int = 64
    first: int = 0
    mode: Mode = "dora"
    weights: Weights | None = None
    timeout: float = 1.0
    tries: int = 4
    rate: float = 0
    renewals: float = 0
    seed: int = 1
    train: int = 64
    client_id: bool = False
    hostname: bool = False
    lease_time: bool = False
    circuit_id: bool = False
    circuit_id_size: int = CIRCUIT_ID_SIZE
    vendor_class: str = ""
    request_lists: tuple[bytes, ...] = (REQUEST_LIST,)
    expect: dict[int, bytes] = {}

    @property
    def known(self) -> int:
        """Clients that only renew."""
        return round(self.clients * self.renewals)

    @property
    def to_prime(self) -> int:
        """Clients that are to hold a lease before anything is measured."""
        if self.renewals:
            return self.known
        return 0 if self.mode == "dora" else self.clients

    def check(self) -> None:
        """Raises ValueError, in words, if the clients cannot do what is asked of them."""
        if self.frames and not self.interface:
            raise ValueError("frames are for clients on a link: give --interface")
        if self.interface and (self.mode != "dora" or self.renewals):
            raise ValueError(
                "clients on the link get leases and no more: the generator has their addresses "
                "behind a relay agent only (--relay)"
            )
        if self.renewals and (self.mode != "dora" or not 0 < self.known < self.clients):
            raise ValueError(
                "--renewals is a part of the starts, between 0 and 1, of --mode dora, and leaves "
                "clients for both"
            )


class Second(msgspec.Struct, frozen=True):
    """A whole second of CLOCK_MONOTONIC, from ``at`` on, and the exchanges completed in it."""

    at: int
    completed: int


class Report(msgspec.Struct, kw_only=True):
    """What a run showed.

    `rate` is of the exchanges that completed while it measured. Counts, errors and latencies have
    the drain after it in them, so that nothing goes unchecked;
    `exchanges_total` is of the whole run, for dividing the server's CPU by. `generator_cpu` is the
    part of one core that the generator used while it measured, `machine_idle` and
    `machine_softirq` are parts of all cores in that time. `by_second` has the whole seconds of it.
    """

    seconds: float
    rate: float
    exchanges_total: int
    generator_cpu: float
    machine_idle: float
    machine_softirq: float
    bound: int
    unfinished: int
    by_second: list[Second]
    counts: dict[str, Any]
    errors: dict[str, int]
    result_hash: str

    @property
    def good(self) -> bool:
        return not self.errors and self.counts["completed"] > 0


class Generator:
    """Clients, their relay agent's socket, and the phases of a run.

    Phases may be called in any order and from any one thread at a time; clients keep their leases
    between them. `stop` may be set from another thread: the phase under way then ends within
    TURN_S.
    """

    def __init__(self, plan: Plan) -> None:
        plan.check()
        self.plan = plan
        self.stop = False
        self._seconds = 0.0
        self._completed = 0
        self._machine = NOTHING
        self._by_second: list[Second] = []
        self._unfinished = 0
        self._frames: socket.socket | None = None
        if plan.interface:
            self._socket = link_socket(plan.interface, plan.relay_port)
        else:
            self._socket = relay_socket(plan.relay, plan.relay_port, plan.relays)
        try:
            if plan.frames:
                self._frames = frame_socket(plan.interface)
            self.load = self._make()
        except BaseException:
            self._close()
            raise

    def _make(self) -> Load:
        plan = self.plan
        return Load(
            self._socket.fileno(),
            (address_number(plan.server), plan.server_port),
            0 if plan.interface else address_number(plan.relay),
            relays=plan.relays,
            burst=plan.burst,
            clients=plan.clients,
            window=plan.clients if plan.storm else min(plan.window, plan.clients),
            backoff=plan.storm,
            frames=self._frames.fileno() if self._frames else -1,
            first=plan.first,
            timeout_ns=round(plan.timeout * 1e9),
            tries=plan.tries,
            seed=plan.seed,
            weights=self.weights,
            train=plan.train,
            rate=plan.rate,
            client_id=plan.client_id,
            hostname=plan.hostname,
            lease_time=plan.lease_time,
            circuit_id_size=plan.circuit_id_size if plan.circuit_id else 0,
            vendor_class=plan.vendor_class.encode(),
            request_lists=plan.request_lists,
            expect=plan.expect,
        )

    @property
    def weights(self) -> Weights:
        return self.plan.weights or WEIGHTS[self.plan.mode]

    def turn_to(self, mode: Mode) -> None:
        """Clients that hold a lease do this from now on."""
        self.load.weigh(WEIGHTS[mode])
        self.load.inquire(mode == "discover")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        self._socket.close()
        if self._frames:
            self._frames.close()

    def _turns(self, seconds: float, limit: int) -> int:
        now = time.monotonic()
        end = now + seconds
        left = -1
        self._marks: dict[int, int] = {}
        self._mark(now)
        while left and not self.stop and (rest := end - now) > 0:
            left = self.load.turn(min(rest, TURN_S, 1 - now % 1), limit)
            now = time.monotonic()
            self._mark(now)
            if left == 0 and self.load.started < limit:
                left = -1  # idle between two starts
        return max(left, 0)

    def _mark(self, now: float) -> None:
        """Keep how much was completed, once in each whole second of the clock."""
        second = int(now)
        if now - second < MARK_S and second not in self._marks:
            self._marks[second] = self.load.completed

    def _whole_seconds(self) -> list[Second]:
        return [
            Second(second, self._marks[second + 1] - completed)
            for second, completed in self._marks.items()
            if second + 1 in self._marks
        ]

    def prime(self, seconds: float = PRIME_S) -> int:
        """Give each client that is to hold a lease one DORA, as far as `seconds` go.

        Returns how many hold one.
        """
        end = time.monotonic() + seconds
        self.turn_to("dora")
        if self.plan.known:
            self.load.mix(self.plan.known, 1000)
        wanted = self.plan.known or self.plan.clients
        while self.load.bound < wanted and not self.stop and time.monotonic() < end:
            self._turns(end - time.monotonic(), self.load.started + wanted)
        self.turn_to(self.plan.mode)
        self.load.weigh(self.weights)
        if self.plan.known:
            self.load.mix(self.plan.known, round(self.plan.renewals * 1000))
        return self.load.bound

    def run(self, *, seconds: float = 1e9, exchanges: int = 0) -> None:
        """Go on for `seconds`, or until `exchanges` more were started and have ended."""
        limit = self.load.started + exchanges if exchanges else FOREVER
        began, machine, completed = time.monotonic(), Sample.take(), self.load.completed
        self._turns(seconds, limit)
        self._by_second += self._whole_seconds()
        self._seconds += time.monotonic() - began
        self._completed += self.load.completed - completed
        self._machine += Sample.take() - machine

    def drain(self, seconds: float | None = None) -> int:
        """Start nothing more; wait for what is under way, by default until its last try.

        Returns the number of exchanges that have not ended.
        """
        wait = self.plan.timeout * (self.plan.tries + 1) if seconds is None else seconds
        self._unfinished = self._turns(wait, self.load.started)
        return self._unfinished

    def clear(self) -> None:
        """Measure from here on."""
        self.load.clear()
        self._seconds = 0.0
        self._completed = 0
        self._machine = NOTHING
        self._by_second.clear()

    def ledger(self) -> list[Entry]:
        """One entry for each client that was ever sent an ACK. Not during a phase."""
        return list(read_ledger(self.load.ledger()))

    def report(self, *, hashed: bool = True) -> Report:
        """Not hashed: without the hash of who holds what, which takes seconds for many clients."""
        counts = self.load.report()
        errors = counts.pop("errors")
        return Report(
            seconds=self._seconds,
            rate=self._completed / self._seconds if self._seconds else 0.0,
            exchanges_total=self.load.started,
            generator_cpu=self._machine.own / self._seconds if self._seconds else 0.0,
            machine_idle=self._machine.idle / max(self._machine.total, 1e-9),
            machine_softirq=self._machine.softirq / max(self._machine.total, 1e-9),
            bound=self.load.bound,
            unfinished=self._unfinished,
            by_second=self._by_second,
            counts=counts,
            errors=errors,
            result_hash=ledger_hash(read_ledger(self.load.ledger())) if hashed else "",
        )


def measure(
    plan: Plan,
    *,
    seconds: float = 1e9,
    exchanges: int = 0,
    warmup: float = 0,
    prime: float = PRIME_S,
) -> Report:
    """One whole run: prime (unless full DORAs are what is measured), warm up, measure, drain.

    The warm-up goes on to the next whole second of the clock, so that whole seconds are measured.

    Raises ValueError as Generator, and if not every client got a lease in ``prime`` seconds.
    """
    with Generator(plan) as generator:
        if plan.to_prime:
            bound = generator.prime(prime)
            if bound < plan.to_prime:
                raise ValueError(
                    f"only {bound} of {plan.to_prime} clients got a lease in {prime:g} s; "
                    "measure with fewer"
                )
        if warmup:
            generator.run(seconds=warmup + 1 - (time.monotonic() + warmup) % 1)
        generator.clear()
        generator.run(seconds=seconds, exchanges=plan.clients if plan.storm else exchanges)
        generator.drain()
        return generator.report()
