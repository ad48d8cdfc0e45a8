"""What explain answers: a decision, of what the engine looked at, in words of operators."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from fastdhcp import words
from fastdhcp._codec import DecodeError, decode
from fastdhcp._explain import Explainer
from fastdhcp._leases import BindingState
from fastdhcp._memory import Memory
from fastdhcp._stats import drop_names
from fastdhcp.config.parts import Way
from fastdhcp.control.catalog import Catalog, Reservation
from fastdhcp.control.given import given_by
from fastdhcp.control.layers import classes_of, not_sent, option_of
from fastdhcp.control.messages import (
    Decision,
    ExplainedClass,
    ExplainedLink,
    ExplainRequest,
    Explanation,
)
from fastdhcp.control.question import Network, Question, links_of, question_of, with_server
from fastdhcp.control.reasons import SILENCE, why
from fastdhcp.packet import Packet

INFINITE = 0xFFFFFFFF
_LEASE_TIME, _RENEWAL_TIME, _REBINDING_TIME, _CLIENT_ID = 51, 58, 59, 61
Found = Mapping[str, Any]


class Explaining:
    """Answers what is asked about the policy in force."""

    def __init__(self, explainer: Explainer, memory: Memory) -> None:
        self._explainer = explainer
        self._memory = memory

    def explain(
        self, request: ExplainRequest, catalog: Catalog, status: Mapping[str, Any]
    ) -> Explanation:
        """What the message of a request would draw. Raises BadField."""
        links, network = links_of(status), Network(serves=catalog.serves)
        question = question_of(request, links, network)
        found = self._ask(question)
        notes = [*_assumed(question)]
        client_id = self._held_by(request, found)
        if client_id:
            request = msgspec.structs.replace(request, client_id=words.identifier_text(client_id))
            question = question_of(request, links, network)
            found = self._ask(question)
            notes.append(
                f"client-id {request.client_id} is that of its lease of {request.address}; "
                "--client-id names another"
            )
        if request.packet is None and request.type == "request" and "scope" in found:
            # Whom a client selects it knows by the offer.
            question = with_server(question, found["scope"]["server_id"])
            found = self._ask(question)
        return self._explanation(question, found, catalog, notes)

    def _held_by(self, request: ExplainRequest, found: Found) -> bytes:
        """The option 61 by which the hardware address that is asked about holds the address: a
        client that sends it once sends it always (RFC 2131 4.2). Empty: none, or it is told."""
        told = (request.packet, request.client_id, (request.options or {}).get("61"))
        chaddr = _chaddr(request.hw_address)
        if any(text is not None for text in told) or not chaddr or request.address is None:
            return b""
        record = None
        with contextlib.suppress(TimeoutError):  # locked
            vrf = found["scope"]["vrf"]
            record = self._memory.lease(vrf, words.address_number(request.address))
        if record is None or record.state == BindingState.FREE or record.chaddr != chaddr:
            return b""
        return record.client_id

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
        self, question: Question, found: dict[str, Any], catalog: Catalog, notes: list[str]
    ) -> Explanation:
        try:
            packet = decode(question.message)
        except DecodeError as error:
            return _nothing(question, error.reason, catalog)
        if "scope" not in found:  # a reply, or what else no server takes
            return _nothing(question, drop_names()[found["reason"]], catalog)
        _name_owners(found, catalog)
        reply = decode(found["reply"]) if found["reply"] else None
        place = found["pool"] if found["yiaddr"] else None
        return Explanation(
            message=words.message_name(packet.message_type or 0),
            hw_address=words.hardware_text(packet.chaddr),
            client_id=words.identifier_text(packet.options.get(_CLIENT_ID, b"")),
            relay=_shown(packet.giaddr),
            interface=question.interface,
            link=_link(question, found, catalog),
            reservation=found["own_reservation"],
            classes=_classes(question, found, catalog),
            address=words.address_text(found["yiaddr"]) if found["yiaddr"] else None,
            pool=None if place is None else catalog.pools[place].name,
            reply=words.message_name(found["reply_type"]) if found["reply_type"] else None,
            reason=drop_names()[found["reason"]] if found["reason"] else None,
            why=why(packet.message_type or 0, found, catalog),
            not_sent=not_sent(packet, reply, found, catalog),
            notes=notes,
            server_id=_server_id(found),
            generation=catalog.generation,
            **_told(packet, reply, found, catalog),
        )


def _classes(question: Question, found: Found, catalog: Catalog) -> list[ExplainedClass]:
    return classes_of(question.message, _way(question, found), catalog) if found["linked"] else []


def _way(question: Question, found: Found) -> Way:
    """What tests look at beside the message."""
    return Way(
        relay_info=found["policy_relay_info"] or None,
        known=found["reservation"] is not None,
        classes=found["classes"],
        interface=question.interface or "",
        source=question.source,
        destination=question.destination,
    )


def _nothing(question: Question, reason: str, catalog: Catalog) -> Explanation:
    """Of what is no message."""
    return Explanation(
        message="undecoded", hw_address=None, client_id=None, relay=None,
        interface=question.interface, link=None, reservation=None, classes=[], address=None,
        pool=None, reply=None, reason=reason, why=SILENCE[reason], server_id=None,
        not_sent=[], notes=[], generation=catalog.generation, **_told(None, None, {}, catalog),
    )  # fmt: skip


def _assumed(question: Question) -> Iterator[str]:
    if question.assumed:
        sender = words.address_text(question.source)
        yield (
            f"it is assumed to come from {sender} by {question.interface}; --interface names "
            "another"
        )


def _chaddr(text: str | None) -> bytes:
    return words.hardware_bytes(text) if text is not None else b""


def _shown(address: str) -> str | None:
    return None if address == "0.0.0.0" else address


def _server_id(found: Found) -> str | None:
    server_id = found["scope"]["server_id"]
    return words.address_text(server_id) if server_id else None


# ---- link and reservation


def _link(question: Question, found: Found, catalog: Catalog) -> ExplainedLink | None:
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
        found_by=_found_by(question, found, subnet, catalog),
    )


def _found_by(
    question: Question, found: Found, subnet: str | None, catalog: Catalog
) -> str:
    by, number = found["link_by"]
    address = words.address_text(number)
    vrf = found["scope"]["vrf"]
    agent = catalog.agent(number) if by == "giaddr" else None
    if agent and agent.link and catalog.subnet_at(vrf, number) is None:
        name = f"{agent.name} ({address})" if agent.name else address
        return f'relay agent {name}: link = "{agent.link}" of [relays] agents'
    inside = f"lies in {subnet}" if subnet else "is known to the configuration"
    told = {
        "link-selection": f"link selection {address} of option 82 (RFC 3527) {inside}",
        "subnet-selection": f"subnet selection {address}, option 118 (RFC 3011) {inside}",
        "giaddr": f"giaddr {address} {inside}",
        "ciaddr": f"ciaddr {address} {inside} (RFC 2131 4.3.2)",
        "interface": f"interface {question.interface or question.ifindex}",
    }
    return told[by]


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


def _told(
    asked: Packet | None, reply: Packet | None, found: Found, catalog: Catalog
) -> dict[str, Any]:
    options = reply.options if reply else {}
    given = given_by(asked, reply, found, catalog) if asked else {}
    lease_s = _number(options.get(_LEASE_TIME))
    return {
        "next_server": _shown(reply.siaddr) if reply else None,
        "server_name": words.identifier_text(reply.sname) if reply else None,
        "boot_file": words.identifier_text(reply.file) if reply else None,
        "lease_time": None if lease_s == INFINITE else lease_s,
        "infinite": lease_s == INFINITE,
        "renewal_time": _number(options.get(_RENEWAL_TIME)),
        "rebinding_time": _number(options.get(_REBINDING_TIME)),
        "given_by": given,
        "options": [
            option_of(code, value, found, catalog, given) for code, value in options.items()
        ],
    }


def _number(octets: bytes | None) -> int | None:
    return None if octets is None else int.from_bytes(octets)


# ---- what was


def explanation_of(decision: Decision, catalog: Catalog) -> Explanation:
    """Of an entry of the trace. Pool and tests are told by the policy in force, if it was decided
    by that one."""
    same = decision.generation == catalog.generation
    return Explanation(
        message=decision.message,
        hw_address=decision.hw_address,
        client_id=None,
        relay=_shown(decision.giaddr),
        interface=decision.interface,
        link=_traced_link(decision, catalog),
        reservation=decision.reservation,
        classes=_traced_classes(decision, catalog),
        address=decision.address,
        pool=_traced_pool(decision, catalog) if same else None,
        reply=decision.reply,
        reason=decision.reason,
        why=_what_became(decision),
        server_id=None,
        not_sent=[],
        notes=[],
        generation=decision.generation or catalog.generation,
        decision=decision,
        **_told(None, None, {}, catalog),
    )


def _traced_link(decision: Decision, catalog: Catalog) -> ExplainedLink | None:
    if decision.subnet is None:
        return None
    network = decision.subnet
    for subnet in catalog.subnets:
        if (subnet.vrf, subnet.name) == (decision.vrf, decision.subnet):
            network = catalog.networks[subnet.network]
    return ExplainedLink(
        vrf=decision.vrf, vrf_name=decision.vrf_name, network=network,
        subnet=decision.subnet, found_by=None,
    )  # fmt: skip


def _traced_classes(decision: Decision, catalog: Catalog) -> list[ExplainedClass]:
    """The trace keeps which classes matched, not what the parts of their tests said."""
    tests = {found.name: found.test or None for found in catalog.classes}
    return [
        ExplainedClass(name=name, matches=True, test=tests.get(name), parts=[])
        for name in decision.classes or ()
        if name != "all"
    ]


def _traced_pool(decision: Decision, catalog: Catalog) -> str | None:
    if decision.reply not in ("offer", "ack") or not _shown(decision.yiaddr):
        return None
    pool = catalog.pool_at(decision.vrf, words.address_number(decision.yiaddr))
    return pool.name if pool else None


def _what_became(decision: Decision) -> str:
    if decision.reason is not None:
        return SILENCE.get(decision.reason, decision.reason)
    if decision.outcome == "sent":
        took = f"{(decision.answer_us or 0) / 1000:g} ms"
        if decision.reply == "nak":
            return f"it was refused within {took}; {_asked_again(decision)} says why, as of now"
        return f"it was answered within {took}"
    said = {
        "decided": "its reply leaves in a moment",
        "held": "its reply waits until its lease is on disk",
        "done": "it was carried out; no reply is due",
        "send-failed": "the kernel refused to send its reply",
    }
    return said.get(decision.outcome, decision.outcome)


def _asked_again(decision: Decision) -> str:
    """The command line that asks about a message that was refused."""
    kind = "renew" if _shown(decision.ciaddr) else "reboot"
    way = f"--relay {decision.giaddr}" if _shown(decision.giaddr) else ""
    if not way and decision.interface:
        way = f"--interface {decision.interface}"
    words_ = ("explain --type", kind, "--hw-address", decision.hw_address or "?", "--address",
              decision.address or "?", way)  # fmt: skip
    return "`fastdhcp " + " ".join(words_).rstrip() + "`"
