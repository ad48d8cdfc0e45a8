"""The pack: all clients at once over three sockets, each with RFC 2131's patience, or less.

One thread and one loop: ``turn()`` takes what came, sends again what got no answer, and begins
new transactions as long as fewer than ``window`` of a worker's clients are under way. So a dead
worker holds up its own clients, and the others' load goes on as before.
"""

import collections
import contextlib
import heapq
import random
import select
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.crash.clients import Client, Link, Transaction, Writer, worker_of
from tests.crash.ledger import Ledger, boot_time, text
from tests.crash.messages import ACK, DISCOVER, NAK, OFFER, REQUEST, Reply, parse
from tests.crash.reserved import Reserved
from tests.lab.capture import grow_receive_buffer
from tests.lab.namespaces import Namespace

RETRY_S = 0.25
TRIES_MAX = 12
WINDOW = 24
"""So many of a worker's clients are under way at once."""
SELECT_S = 0.002
RELEASE_PAUSE_S = 0.02
"""Before a client that sent RELEASE asks again, so that no network turns the two round."""
ABSENT_S = (1.0, 6.0)
"""How long a client of the link with short leases stays away."""
ASLEEP_S = (5.0, 60.0)
KNOWN_S = 30.0
"""A reply that comes so late after its transaction's end is nobody's."""
QUIET_S = 0.4
IMPATIENT = 0.12
"""So many REQUESTs are sent twice or thrice at once, while the server still holds the first."""


@dataclass
class Watch:
    """When a worker first answered what was sent after an instant."""

    since_s: float
    answered_s: float | None = None


class Pack:
    """``done[w]``: transactions of the worker's clients that ended well. ``again[w]``: messages
    that its clients had to send again, by their own clock. Left out there are those to whom silence
    is at times the right answer: on the link with short leases the pool is empty now and then, and
    of a client with two interfaces one may give back what the other waits for. ``resent``: of all.
    """

    def __init__(
        self,
        namespace: Namespace,
        server: str,
        clients: Sequence[Client],
        workers: int,
        seed: int,
        reserved: Reserved,
        window: int = WINDOW,
        retry_s: float = RETRY_S,
    ) -> None:
        self.ledger = Ledger()
        self.reserved = reserved
        self.workers = workers
        self.window = window
        self.retry_s = retry_s
        self.paused = False
        self.done = [0] * workers
        self.again = [0] * workers
        self.resent = self.abandoned = 0
        self.moved: list[str] = []
        self.naks = self.offers = self.releases = self.declines = 0
        self.watches: list[Watch | None] = [None] * workers
        self.ack_watch: Watch | None = None
        self.no_ack_since_s: float | None = None
        self.under_way: dict[int, Transaction] = {}
        self._server = (server, 67)
        self._rng = random.Random(seed)
        self._writer = Writer(self._rng)
        self._xid = self._rng.randrange(1 << 31)
        self._all: dict[int, Transaction] = {}
        self._in_window = [0] * workers
        self._in_short_window = [0] * workers
        self._idle: list[list[Client]] = [[] for _ in range(workers)]
        self._idle_short: list[list[Client]] = [[] for _ in range(workers)]
        self._later: list[tuple[float, int, Client]] = []
        self._retries: collections.deque[tuple[float, Transaction]] = collections.deque()
        self._extra: list[Transaction] = []
        self._ended: collections.deque[tuple[float, int]] = collections.deque()
        self._open(namespace, {client.link for client in clients})
        for client in clients:
            self._rest(client)

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()

    # ---- the loop

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Goes on for so long, or until something holds, asked once a turn: then True."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            self.turn()
            if until():
                return True
        return until()

    def quiesce(self, seconds: float = QUIET_S) -> None:
        """Begins nothing new; waits for what is under way, but for who gets no answer."""
        self.paused = True
        self.run(seconds, until=lambda: not self.under_way)

    def turn(self) -> None:
        ready = select.select(self._sockets, [], [], SELECT_S)[0]
        for sock in ready:
            self._take(sock)
        now = boot_time()
        while self._extra:
            self._send(self._extra.pop(), now)
        self._retry(now)
        if not self.paused:
            self._begin(now)
        forgotten_s = time.monotonic() - KNOWN_S
        while self._ended and self._ended[0][0] < forgotten_s:
            del self._all[self._ended.popleft()[1]]

    def _open(self, namespace: Namespace, links: set[Link]) -> None:
        self._relays: dict[int, socket.socket] = {}
        with namespace:
            for link in links:
                self._relays[link.giaddr] = _bound((text(link.giaddr), 67))
            self._local = _bound(("0.0.0.0", 68))
        self._sockets = [self._local, *self._relays.values()]

    # ---- what comes

    def _take(self, sock: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(256):
                raw = sock.recv(2048)
                now = boot_time()
                try:
                    reply = parse(raw)
                except (ValueError, IndexError, struct.error) as error:
                    self.ledger.complain(f"no DHCP reply ({error}): {raw.hex()}")
                    continue
                self._answered(reply, now)

    def _answered(self, reply: Reply, now: float) -> None:
        tx = self._all.get(reply.xid)
        if tx is None or reply.chaddr not in tx.client.chaddrs:
            self.ledger.complain(f"a reply to nobody: {reply}")
            return
        self._check_relay_info(tx, reply)
        watch = self.watches[tx.worker]
        if watch is not None and watch.answered_s is None and tx.last_s > watch.since_s:
            watch.answered_s = now
        if reply.kind == ACK:
            self._acked(tx, reply, now)
        elif tx.done:
            return
        elif reply.kind == OFFER and tx.kind == DISCOVER:
            self._offered(tx, reply, now)
        elif reply.kind == NAK and tx.kind == REQUEST:
            self.naks += 1
            if not self.reserved.may_lose(tx.client, tx.wants):
                self.ledger.refused(tx.client, tx.wants, now)
            if not tx.beside:
                tx.client.address = 0
            self._end(tx)

    def _check_relay_info(self, tx: Transaction, reply: Reply) -> None:
        """RFC 3046 2.2: option 82 comes back unchanged."""
        expected = tx.client.relay_info if tx.relayed else b""
        if reply.relay_info != expected:
            self.ledger.complain(f"option 82 {reply.relay_info.hex()} for {expected.hex()}")

    def _offered(self, tx: Transaction, reply: Reply, now: float) -> None:
        client = tx.client
        self.offers += 1
        self.ledger.offered(client, reply.yiaddr, now)
        self._look_at_reservations(tx, reply.yiaddr)
        if client.address and client.address != reply.yiaddr:
            keeps = not self.reserved.may_lose(client, client.address)
            if keeps and self.ledger.live(client, client.address, now + 1):
                self.moved.append(
                    f"{now:.3f} {client.number} holds {text(client.address)}, is offered "
                    f"{text(reply.yiaddr)}"
                )
            client.address = 0
        client.server_id = reply.server_id
        tx.kind, tx.wants, tx.tries = REQUEST, reply.yiaddr, 0
        tx.payload = self._writer.selecting(client, tx.xid, reply.yiaddr, reply.server_id)
        self._post(tx, now)
        self._ask_beside(client, reply.yiaddr, now)

    def _acked(self, tx: Transaction, reply: Reply, now: float) -> None:
        client = tx.client
        if tx.kind != REQUEST or reply.yiaddr != tx.wants:
            self.ledger.complain(f"{client.number} asked for {text(tx.wants)}: {reply}")
            return
        self.ledger.acked(client, reply.yiaddr, reply.lease_s, tx.first_s, now)
        self._look_at_reservations(tx, reply.yiaddr)
        forbidden = self.no_ack_since_s
        if forbidden is not None and tx.first_s > forbidden and client.link.lease_s is None:
            self.ledger.complain(
                f"{text(reply.yiaddr)} acknowledged to {client.number} without a store: asked "
                f"{tx.first_s - forbidden:.4f} s after its death"
            )
        watch = self.ack_watch
        if watch is not None and watch.answered_s is None and tx.first_s > watch.since_s:
            watch.answered_s = now
        if not tx.done:
            if not tx.beside:
                client.address, client.server_id = reply.yiaddr, reply.server_id
            self.done[tx.worker] += 1
            self._end(tx)

    def _look_at_reservations(self, tx: Transaction, address: int) -> None:
        if why := self.reserved.given(tx.client, address, tx.first_s):
            self.ledger.complain(why)

    # ---- what goes

    def _begin(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            self._rest(heapq.heappop(self._later)[2])
        for worker in range(self.workers):
            while self._idle[worker] and self._in_window[worker] < self.window:
                self._start(self._pick(self._idle[worker]), worker, now)
            while self._idle_short[worker] and self._in_short_window[worker] < self.window // 4:
                self._start(self._pick(self._idle_short[worker]), worker, now)

    def _pick(self, idle: list[Client]) -> Client:
        at = self._rng.randrange(len(idle))
        idle[at], idle[-1] = idle[-1], idle[at]
        return idle.pop()

    def _start(self, client: Client, worker: int, now: float) -> None:
        """What a client does next: by chance, and by what it holds."""
        if client.address and not self.ledger.live(client, client.address, now + 0.5):
            client.address = 0
        draw = self._rng.random()
        if client.address and draw < 0.14:
            self._give_back(client, now, declines=draw < 0.0005)
            return
        if client.address and client.link.lease_s and draw < 0.5:
            self._go_away(client, now)
            return
        self._xid = (self._xid + 1) & 0xFFFFFFFF
        tx = Transaction(client, self._xid, REQUEST, worker, client.address)
        if not client.address or draw < 0.19:
            tx.kind, tx.wants = DISCOVER, 0
            tx.payload = self._writer.discover(client, tx.xid)
        elif draw < 0.35:
            tx.payload = self._writer.rebooting(client, tx.xid)
        elif draw < 0.45:
            tx.payload = self._writer.rebinding(client, tx.xid)
        else:
            tx.relayed = False
            tx.payload = self._writer.renewing(client, tx.xid)
        self._count(tx, 1)
        self._enter(tx, now)
        if tx.kind == REQUEST:
            self._ask_beside(client, client.address, now)

    def _enter(self, tx: Transaction, now: float) -> None:
        self.under_way[tx.xid] = self._all[tx.xid] = tx
        self._post(tx, now)

    def _ask_beside(self, client: Client, address: int, now: float) -> None:
        """The same client over its other interface in the same moment, often at another worker:
        two changes of one record, neither on disk when the other is made."""
        if len(client.chaddrs) == 1:
            return
        held, used = client.address, client.chaddr
        client.address = address
        client.chaddr = next(chaddr for chaddr in client.chaddrs if chaddr != used)
        self._xid = (self._xid + 1) & 0xFFFFFFFF
        worker = worker_of(client, self.workers)
        other = Transaction(client, self._xid, REQUEST, worker, address, beside=True)
        other.payload = self._writer.rebooting(client, other.xid)
        client.address, client.chaddr = held, used
        self._enter(other, now)

    def _give_back(self, client: Client, now: float, declines: bool) -> None:
        """RELEASE by unicast, or DECLINE; neither is ever answered."""
        self._xid = (self._xid + 1) & 0xFFFFFFFF
        if declines:
            relay = self._relays[client.link.giaddr]
            relay.sendto(self._writer.decline(client, self._xid), self._server)
            self.declines += 1
            self.reserved.declined(client.address, now)
        else:
            self._local.sendto(self._writer.release(client, self._xid), self._server)
            self.releases += 1
        self.ledger.gave_back(client, client.address, now)
        client.address = 0
        self._put_off(client, now + RELEASE_PAUSE_S)

    def _go_away(self, client: Client, now: float) -> None:
        """Without a word: the lease runs out and another gets the address."""
        client.address = 0
        self._put_off(client, now + self._rng.uniform(*ABSENT_S))

    def _put_off(self, client: Client, until_s: float) -> None:
        heapq.heappush(self._later, (until_s, client.number, client))

    def _post(self, tx: Transaction, now: float) -> None:
        """Sends a message for the first time; an impatient client soon sends it again."""
        tx.first_s = now
        self._send(tx, now)
        if tx.kind == REQUEST and self._rng.random() < IMPATIENT:
            self._send(tx, now)
            self._extra.append(tx)
        self._retries.append((now + self.retry_s, tx))

    def _send(self, tx: Transaction, now: float) -> None:
        tx.last_s = now
        sock = self._relays[tx.client.link.giaddr] if tx.relayed else self._local
        with contextlib.suppress(ConnectionRefusedError):
            sock.sendto(tx.payload, self._server)

    def _retry(self, now: float) -> None:
        while self._retries and self._retries[0][0] <= now:
            due_s, tx = self._retries.popleft()
            if tx.done or due_s < tx.first_s + self.retry_s:
                continue
            tx.tries += 1
            if tx.tries >= (3 if tx.client.link.lease_s else TRIES_MAX):
                self._give_up(tx)
                continue
            self.resent += 1
            self.again[tx.worker] += tx.client.is_plain
            self._send(tx, now)
            self._retries.append((now + self.retry_s, tx))

    def _give_up(self, tx: Transaction) -> None:
        """A holder goes on to use its lease; who has none begins anew."""
        self.abandoned += 1
        self._end(tx)

    def _end(self, tx: Transaction) -> None:
        tx.done = True
        del self.under_way[tx.xid]
        self._ended.append((time.monotonic(), tx.xid))
        if not tx.beside:
            self._count(tx, -1)
            if tx.client.sleeps and tx.client.address:
                self._put_off(tx.client, boot_time() + self._rng.uniform(*ASLEEP_S))
            else:
                self._rest(tx.client)

    def _count(self, tx: Transaction, change: int) -> None:
        windows = self._in_short_window if tx.client.link.lease_s else self._in_window
        windows[tx.worker] += change

    def _rest(self, client: Client) -> None:
        if client.address:
            # Who has given its lease back asks again at the same worker: at another one its
            # REQUEST might overtake the RELEASE.
            client.chaddr = self._rng.choice(client.chaddrs)
        idle = self._idle_short if client.link.lease_s else self._idle
        idle[worker_of(client, self.workers)].append(client)


def _bound(address: tuple[str, int]) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    grow_receive_buffer(sock)
    sock.bind(address)
    sock.setblocking(False)
    return sock
