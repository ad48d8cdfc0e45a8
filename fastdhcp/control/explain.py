"""What explain answers: a decision, of what the engine looked at, in words of operators."""

import contextlib
from collections.abc import Mapping
from typing import Any

from fastdhcp import words
from fastdhcp._codec import DecodeError, decode
from fastdhcp._explain import Explainer
from fastdhcp._leases import BindingState
from fastdhcp._memory import Memory
from fastdhcp._stats import drop_names
from fastdhcp.config.parts import Way
from fastdhcp.control.catalog import Catalog, Reservation
from fastdhcp.control.layers import classes_of, option_of
from fastdhcp.control.messages import (
    Decision,
    ExplainedClass,
    ExplainedLink,
    ExplainRequest,
    Explanation,
)
from fastdhcp.control.question import BROADCAST, Question, links_of, question_of, with_server
from fastdhcp.control.reasons import SILENCE, why
from fastdhcp.packet import Packet

INFINITE = 0xFFFFFFFF
_LEASE_TIME, _RENEWAL_TIME, _REBINDING_TIME, _CLIENT_ID, _RELAY_INFO = 51, 58, 59, 61, 82
_SUBNET_SELECTION, _LINK_SELECTION = 118, 5
Found = Mapping[str, Any]


class Explaining:
    """Answers what is asked about the policy in force."""

    def __init__(self, memory: Memory, explainer: Explainer) -> None:
        self._memory = memory
        self._explainer = explainer

    def explain(
        self, request: ExplainRequest, catalog: Catalog, status: Mapping[str, Any]
    ) -> Explanation:
        """What the message of a request would draw. Raises BadField."""
        question = question_of(request, links_of(status))
        found = self._ask(question)
        if request.packet is None and request.type == "request" and "scope" in found:
            # Whom a client selects it knows by the offer.
            question = with_server(question, found["scope"]["server_id"])
            found = self._ask(question)
        return self._explanation(question, found, catalog)

    def _ask(self, question: Question) -> dict[str, Any]:
        return self._explainer.explain(
            question.message,
            ifindex=question.ifindex,
            source=question.source,
            destination=question.destination,
            local=question.local,
            source_port=question.source_port,
        )

    def _explanation(
        self, question: Question, found: dict[str, Any], catalog: Catalog
    ) -> Explanation:
        try:
            packet = decode(question.message)
        except DecodeError as error:
            return _nothing(question, error.reason, catalog)
        _name_owners(found, catalog)
        reply = decode(found["reply"]) if found["reply"] else None
        place = found["pool"] if found["yiaddr"] else None
        way = self._way(question, packet, found)
        return Explanation(
            message=words.message_name(packet.message_type or 0),
            hw_address=words.hardware_text(packet.chaddr),
            client_id=words.identifier_text(packet.options.get(_CLIENT_ID, b"")),
            relay=_shown(packet.giaddr),
            interface=question.interface,
            link=_link(question, packet, found, catalog),
            reservation=found["own_reservation"],
            classes=classes_of(question.message, way, catalog) if found["linked"] else [],
            address=words.address_text(found["yiaddr"]) if found["yiaddr"] else None,
            pool=None if place is None else catalog.pools[place].name,
            reply=words.message_name(found["reply_type"]) if found["reply_type"] else None,
            reason=drop_names()[found["reason"]] if found["reason"] else None,
            why=why(packet.message_type or 0, found),
            server_id=_server_id(found),
            generation=catalog.generation,
            **_told(reply, found, catalog),
        )

    def _way(self, question: Question, packet: Packet, found: Found) -> Way:
        """What tests look at beside the message."""
        recalled = None
        if question.destination != BROADCAST and not _shown(packet.giaddr):
            recalled = self._recalled(packet, found["scope"]["vrf"])
        return Way(
            relay_info=recalled,
            known=found["reservation"] is not None,
            classes=found["classes"],
            interface=question.interface or "",
            source=question.source,
            destination=question.destination,
        )

    def _recalled(self, packet: Packet, vrf: int) -> bytes | None:
        """What the relay agent said when this client last came by it: a message that is unicast
        past it does not say it. As `recall_relay_info` of _handle.pyx."""
        if packet.options.get(_RELAY_INFO) or not _shown(packet.ciaddr):
            return None
        with contextlib.suppress(TimeoutError):
            lease = self._memory.lease(vrf, words.address_number(packet.ciaddr))
            if lease is not None and lease.state in (BindingState.ACTIVE, BindingState.PENDING):
                own = (lease.htype, lease.chaddr) == (packet.htype, packet.chaddr)
                if own or (lease.client_id and lease.client_id == packet.options.get(_CLIENT_ID)):
                    return lease.relay_info or None
        return None


def _nothing(question: Question, reason: str, catalog: Catalog) -> Explanation:
    """Of what is no message."""
    return Explanation(
        message="undecoded", hw_address=None, client_id=None, relay=None,
        interface=question.interface, link=None, reservation=None, classes=[], address=None,
        pool=None, reply=None, reason=reason, why=SILENCE[reason], server_id=None,
        generation=catalog.generation, **_told(None, {}, catalog),
    )  # fmt: skip


def _shown(address: str) -> str | None:
    return None if address == "0.0.0.0" else address


def _server_id(found: Found) -> str | None:
    server_id = found["scope"]["server_id"]
    return words.address_text(server_id) if server_id else None


# ---- link and reservation


def _link(
    question: Question, packet: Packet, found: Found, catalog: Catalog
) -> ExplainedLink | None:
    """None: no link of the configuration."""
    if not found["linked"]:
        return None
    scope = found["scope"]
    subnet = None if scope["subnet"] is None else catalog.subnets[scope["subnet"]].name
    return ExplainedLink(
        vrf=scope["vrf"],
        vrf_name=catalog.vrfs.get(scope["vrf"]),
        network=catalog.networks[scope["network"]],
        subnet=subnet,
        found_by=_found_by(question, packet, subnet, scope["subnet_selected"]),
    )


def _found_by(question: Question, packet: Packet, subnet: str | None, selected: bool) -> str:
    """In the order in which a link is chosen (_scope.pxd). `selected`: option 118 is heeded."""
    inside = f"lies in {subnet}" if subnet else "is known to the configuration"
    relay = words.relay_sub_options(packet.options.get(_RELAY_INFO, b""))
    client = packet.options.get(_SUBNET_SELECTION) if selected else None
    for octets, told in (
        (relay.get(_LINK_SELECTION), "link selection {} of option 82 (RFC 3527)"),
        (client, "subnet selection {}, option 118 (RFC 3011)"),
    ):
        if octets is not None and len(octets) == 4 and _is_host(octets):
            return f"{told.format(words.address_text(int.from_bytes(octets)))} {inside}"
    if _shown(packet.giaddr):
        return f"giaddr {packet.giaddr} {inside}"
    if _shown(packet.ciaddr) and question.destination != BROADCAST:
        return f"ciaddr {packet.ciaddr} {inside} (RFC 2131 4.3.2)"
    return f"interface {question.interface or question.ifindex}"


def _is_host(address: bytes) -> bool:
    return address[0] not in (0, 127) and address[0] < 224


def _name_owners(found: dict[str, Any], catalog: Catalog) -> None:
    """Whom the asked-for address is kept for, and what is kept for the client itself."""
    found["own_reservation"] = found["own_hostname"] = found["asked_reservation"] = None
    vrf = found["scope"]["vrf"]
    if found.get("asked") is not None:
        kept = catalog.reservations.at(vrf, found["asked"]["address"])
        found["asked_reservation"] = kept.name if kept else None
    own = found["reservation"]
    if own is not None:
        kind = catalog.reservations.kind(own["kind"])
        name = Reservation(kind, own["identity"], own["hostname"]).name
        address = own["address"]
        found["own_hostname"] = own["hostname"]
        found["own_reservation"] = (
            f"{name}, address {words.address_text(address)}" if address else name
        )


# ---- what the reply says


def _told(reply: Packet | None, found: Found, catalog: Catalog) -> dict[str, Any]:
    options = reply.options if reply else {}
    lease_s = _number(options.get(_LEASE_TIME))
    return {
        "next_server": _shown(reply.siaddr) if reply else None,
        "server_name": words.identifier_text(reply.sname) if reply else None,
        "boot_file": words.identifier_text(reply.file) if reply else None,
        "lease_time": None if lease_s == INFINITE else lease_s,
        "infinite": lease_s == INFINITE,
        "renewal_time": _number(options.get(_RENEWAL_TIME)),
        "rebinding_time": _number(options.get(_REBINDING_TIME)),
        "options": [option_of(code, value, found, catalog) for code, value in options.items()],
    }


def _number(octets: bytes | None) -> int | None:
    return None if octets is None else int.from_bytes(octets)


# ---- what was


def explanation_of(decision: Decision, generation: int) -> Explanation:
    """Of an entry of the trace."""
    link = None
    if decision.subnet is not None:
        link = ExplainedLink(
            vrf=decision.vrf, vrf_name=decision.vrf_name, network=decision.subnet,
            subnet=decision.subnet, found_by="as the trace has it",
        )  # fmt: skip
    return Explanation(
        message=decision.message,
        hw_address=decision.hw_address,
        client_id=None,
        relay=_shown(decision.giaddr),
        interface=decision.interface,
        link=link,
        reservation=None,
        classes=[
            ExplainedClass(name=name, matches=True, test=None, parts=[])
            for name in decision.classes or ()
            if name != "all"
        ],
        address=decision.address,
        pool=None,
        reply=decision.reply,
        reason=decision.reason,
        why=_what_became(decision),
        server_id=None,
        generation=decision.generation or generation,
        decision=decision,
        **_told(None, {}, Catalog()),
    )


def _what_became(decision: Decision) -> str:
    if decision.reason is not None:
        return SILENCE.get(decision.reason, decision.reason)
    if decision.outcome == "sent":
        return f"it was answered within {(decision.answer_us or 0) / 1000:g} ms"
    said = {
        "decided": "its reply leaves in a moment",
        "held": "its reply waits until its lease is on disk",
        "done": "it was carried out; no reply is due",
        "send-failed": "the kernel refused to send its reply",
    }
    return said.get(decision.outcome, decision.outcome)
