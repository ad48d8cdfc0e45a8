"""One DORA and the RELEASE after it (RFC 2131 3.1), told step by step."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from fastdhcp.packet import Packet
from fastdhcp.probe.checks import LEASE_TIME, T1, T2, lease_warnings, seconds, unusable
from fastdhcp.probe.messages import ACK, NAK, OFFER, Client, DecodeError
from fastdhcp.probe.paths import Arrival, Path
from fastdhcp.probe.report import Lease, Report, Step
from fastdhcp.probe.report import Offer as OfferReport
from fastdhcp.probe.trouble import Stopped, Trouble
from fastdhcp.probe.values import named, one_line, printable

MESSAGE, SERVER_ID = 56, 54


@dataclass(frozen=True)
class Answer:
    """One message to us. `seconds` is the time since the transmission before it."""

    packet: Packet
    arrival: Arrival
    seconds: float

    @property
    def server(self) -> str:
        """By option 54; by the packet's source where that is missing."""
        own = self.packet.options.get(SERVER_ID, b"")
        return socket.inet_ntoa(own) if len(own) == 4 else self.arrival.source


@dataclass(frozen=True)
class Patience:
    """Times in seconds: when a message is sent again, when we give up, how long other servers may
    take after the first OFFER, and after the ACK."""

    resend: float = 2.0
    limit: float = 8.0
    window: float = 1.0
    linger: float = 0.1


class Exchange:
    """Runs once. `tell` hears every step when it happens; all is in `report` afterwards."""

    def __init__(
        self,
        path: Path,
        client: Client,
        report: Report,
        tell: Callable[[Step, list[str]], None],
        patience: Patience = Patience(),
        chosen_server: str | None = None,
    ) -> None:
        self.path, self.client, self.report = path, client, report
        self.patience, self.chosen_server = patience, chosen_server
        self._tell = tell
        self._start = time.monotonic()
        self._foreign_nak: tuple[str, str] | None = None
        self._held: Answer | None = None
        """The OFFER that we asked for: from then on there may be a lease to give back."""

    def run(self, may_release: Callable[[str], bool] = lambda _: True) -> None:
        """Raises Stopped. What was asked for is given back in any case, if `may_release`."""
        try:
            offer = self._choose(self._discover())
            self._request(offer)
        finally:
            if self._held is not None and may_release(self._held.packet.yiaddr):
                self._release(self._held)
            self.report.seconds = self._now()

    def say(self, step: str, line: str, details: list[str] | None = None) -> None:
        made = Step(round(self._now(), 6), step, line)
        self.report.steps.append(made)
        self._tell(made, details or [])

    def warn(self, trouble: Trouble) -> None:
        if trouble not in self.report.warnings:
            self.report.warnings.append(trouble)
            self.say("warning", str(trouble))

    def _now(self) -> float:
        return time.monotonic() - self._start

    def _discover(self) -> list[Answer]:
        """All OFFERs; empty if none came."""
        offers: list[Answer] = []
        deadline = time.monotonic() + self.patience.limit
        transmissions = 0
        while time.monotonic() < deadline and not offers:
            again = " again" if transmissions else ""
            message = self.client.discover(int(self._now()))
            sent = time.monotonic()
            self.path.send(message)
            self.say("discover", f"DISCOVER sent{again}")
            transmissions += 1
            until = min(deadline, sent + self.patience.resend)
            while answer := self._next(sent, until):
                if answer.packet.message_type != OFFER:
                    self._unexpected(answer)
                    continue
                if not offers:
                    until = time.monotonic() + self.patience.window
                self._note_offer(answer, offers)
        return offers

    def _note_offer(self, answer: Answer, offers: list[Answer]) -> None:
        offers.append(answer)
        packet, arrival = answer.packet, answer.arrival
        relay = packet.giaddr if packet.giaddr not in ("0.0.0.0", self.client.relay) else None
        options = named(packet.options)
        hw_address = arrival.hw_address.hex(":") or None
        self.report.offers.append(
            OfferReport(
                answer.server,
                packet.yiaddr,
                round(answer.seconds, 6),
                arrival.source,
                hw_address,
                arrival.broadcast,
                relay,
                options,
            )
        )
        origin = f" at {hw_address}" if hw_address else ""
        origin += f" through relay agent {relay}" if relay else ""
        took = f"after {milliseconds(answer.seconds)}"
        line = f"OFFER of {packet.yiaddr} by {answer.server}{origin} {took}"
        self.say("offer", line, option_lines(packet))

    def _choose(self, offers: list[Answer]) -> Answer:
        """The first OFFER that can be used, of the server that was named. Raises Stopped."""
        servers = list(dict.fromkeys(offer.server for offer in offers))
        if len(servers) > 1:
            self.warn(two_servers(servers))
        elif len(offers) > 1:
            text = f"{servers[0]} answered {len(offers)} times"
            cure = "several relay agents on one link, or a packet that is doubled on its way"
            self.warn(Trouble("repeated-offers", text, cure))
        if not offers:
            raise Stopped("no-offer", "no OFFER came")
        wanted = [o for o in offers if self.chosen_server in (None, o.server)]
        if not wanted:
            raise Stopped("no-offer", f"no OFFER came from {self.chosen_server}, but from others")
        faults = [(offer, unusable(offer.packet)) for offer in wanted]
        usable = [offer for offer, fault in faults if fault is None]
        if not usable:
            raise Stopped("unusable-offer", f"{wanted[0].server}'s OFFER: {faults[0][1]}")
        if len(servers) == 1:
            self.say("window", f"no other server answered within {self.patience.window:g} s")
        return usable[0]

    def _request(self, offer: Answer) -> None:
        """Raises Stopped without an ACK."""
        deadline = time.monotonic() + self.patience.limit
        while time.monotonic() < deadline:
            again = " again" if self._held else ""
            message = self.client.request(offer.packet, int(self._now()))
            sent = time.monotonic()
            self.path.send(message)
            self._held = offer
            line = f"REQUEST sent{again} for {offer.packet.yiaddr} of {offer.server}"
            self.say("request", line)
            until = min(deadline, sent + self.patience.resend)
            if ack := self._await_ack(offer, sent, until):
                self._bound(offer, ack)
                self._await_ack(offer, sent, time.monotonic() + self.patience.linger)
                return
        if self._foreign_nak:
            raise Stopped("nak", *self._foreign_nak)
        raise Stopped(
            "no-ack",
            f"{offer.server} offered {offer.packet.yiaddr}, but did not answer the REQUEST",
            "its log says why: a full disk, a failing lease database, or a REQUEST that it lost",
        )

    def _await_ack(self, offer: Answer, sent: float, until: float) -> Answer | None:
        """The ACK. Raises Stopped for a NAK of the server that offered; another's is told only, to
        see whether the ACK comes too: clients believe whichever is the first."""
        while answer := self._next(sent, until):
            kind = answer.packet.message_type
            if kind == ACK:
                return answer
            if kind != NAK:
                self._unexpected(answer)
                continue
            said = self._told_nak(answer)
            refused = f"{answer.server} refused {offer.packet.yiaddr}, which was offered"
            if answer.server == offer.server and self.report.lease is None:
                self._held = None  # RFC 2131 4.3.2: there is no lease of ours at that server
                cure = "another client took the address meanwhile, or the configuration changed"
                raise Stopped("nak", refused + said, cure)
            cure = "two servers that do not know of each other: only one may be authoritative"
            self._foreign_nak = f"{refused} by {offer.server}{said}", cure
            self.warn(Trouble("nak-of-another", *self._foreign_nak))
        return None

    def _told_nak(self, answer: Answer) -> str:
        """Says it; returns the server's words (option 56)."""
        data = answer.packet.options.get(MESSAGE)
        said = f': "{printable(data)}"' if data else ""
        line = f"NAK by {answer.server} after {milliseconds(answer.seconds)}"
        self.say("nak", line + (said or ", without a reason"))
        return said

    def _bound(self, offer: Answer, answer: Answer) -> None:
        packet = answer.packet
        lease_time = seconds(packet, LEASE_TIME)
        self.report.lease = Lease(
            packet.yiaddr,
            answer.server,
            round(answer.seconds, 6),
            lease_time,
            seconds(packet, T1),
            seconds(packet, T2),
            packet.siaddr if packet.siaddr != "0.0.0.0" else None,
            printable(packet.file) if packet.file else None,
            named(packet.options),
        )
        line = f"ACK after {milliseconds(answer.seconds)}: {packet.yiaddr} for {lease_time} s"
        same = packet.options == {**offer.packet.options, 53: bytes((ACK,))}
        self.say("ack", line, [] if same else option_lines(packet))
        self._held = replace(offer, packet=packet, arrival=answer.arrival)
        if packet.yiaddr != offer.packet.yiaddr:
            text = f"{offer.packet.yiaddr} was offered, but {packet.yiaddr} given"
            self.warn(Trouble("other-address", text))
        for trouble in lease_warnings(self.client, packet):
            self.warn(trouble)

    def _release(self, held: Answer) -> None:
        address, server = held.packet.yiaddr, held.server
        message = self.client.release(address, held.packet.options.get(SERVER_ID, b""))
        try:
            self.path.send_unicast(message, address, held.arrival, server)
        except Stopped as stopped:
            text = f"the lease was not given back: {stopped.trouble.text}"
            self.warn(Trouble("not-released", text, "it ends by itself"))
            return
        self.report.released = True
        self.say("release", f"RELEASE sent: {address} is given back")

    def _next(self, sent: float, until: float) -> Answer | None:
        """The next message to us; what cannot be read becomes a warning."""
        while arrival := self.path.receive(until):
            try:
                packet = self.client.reads(arrival.payload)
            except DecodeError as error:
                line = f"{arrival.source} sent an answer that cannot be read: {error.reason}"
                self.warn(Trouble("bad-answer", line))
                continue
            if packet is not None:
                return Answer(packet, arrival, arrival.at - sent)
        return None

    def _unexpected(self, answer: Answer) -> None:
        if answer.packet.message_type == OFFER:
            self._late_offer(answer)
            return
        kind = answer.packet.message_type
        line = f"{answer.server} sent a message of type {kind} in between"
        self.warn(Trouble("unexpected-message", line))

    def _late_offer(self, answer: Answer) -> None:
        known = {offer.server for offer in self.report.offers}
        self.say("late-offer", f"another OFFER by {answer.server}, late")
        if answer.server not in known:
            self.warn(two_servers([*known, answer.server]))


def two_servers(servers: list[str]) -> Trouble:
    return Trouble(
        "two-servers",
        f"{len(servers)} servers offer here: {', '.join(servers)}",
        "if they do not belong together one is a rogue: its offer shows its hardware address",
    )


def milliseconds(took: float) -> str:
    return f"{took * 1e3:.1f} ms"


def option_lines(packet: Packet) -> list[str]:
    """siaddr, file and options, one a line."""
    shown = dict(named(packet.options))
    if packet.siaddr != "0.0.0.0":
        shown["siaddr"] = packet.siaddr
    if packet.file:
        shown["file"] = printable(packet.file)
    width = max((len(name) for name in shown), default=0)
    return [f"{name:<{width}}  {one_line(part)}" for name, part in shown.items()]
