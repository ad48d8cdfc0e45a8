"""What explain is asked: a message, and the way by which it would have come."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Interface
from typing import Any

from fastdhcp import words
from fastdhcp._codec import DecodeError, EncodeError, decode, encode
from fastdhcp.config import values
from fastdhcp.control.errors import BadField
from fastdhcp.control.messages import ExplainRequest
from fastdhcp.netlink import route_interface
from fastdhcp.options import BY_NAME
from fastdhcp.words import printable

DISCOVER, REQUEST, DECLINE, RELEASE, INFORM = 1, 3, 4, 7, 8
BROADCAST = 0xFFFFFFFF
PORT_CLIENT, PORT_SERVER = 68, 67
TYPES: Mapping[str, int | None] = {
    "discover": DISCOVER, "request": REQUEST, "reboot": REQUEST, "renew": REQUEST,
    "rebind": REQUEST, "decline": DECLINE, "release": RELEASE, "inform": INFORM, "bootp": None,
}  # fmt: skip
"""The message of each: REQUEST in the four states of its client (RFC 2131 4.3.2)."""
_IN_CIADDR = ("renew", "rebind", "release", "inform")
_IN_OPTION = ("request", "reboot", "decline")
_REQUESTED, _SERVER_ID, _CLIENT_ID, _RELAY_INFO = 50, 54, 61, 82
_HOSTNAME, _VENDOR_CLASS, _PARAMETERS, _USER_CLASS = 12, 60, 55, 77
_RELAY_PARTS = (("circuit_id", 1), ("remote_id", 2), ("subscriber_id", 6))
_LINK_SELECTION = 5  # sub-option of option 82 (RFC 3527)


@dataclass(frozen=True, slots=True)
class Link:
    """An interface of the server, as the supervisor last said it."""

    index: int
    name: str
    addresses: tuple[IPv4Interface, ...]

    def near(self, address: int) -> int:
        """Its address in the prefix that holds `address`; else 0."""
        for own in self.addresses:
            if int(own.network.network_address) == address & int(own.netmask):
                return int(own.ip)
        return 0

    @property
    def is_loopback(self) -> bool:
        return all(own.ip.is_loopback for own in self.addresses)

    def is_broadcast(self, address: int) -> bool:
        """Whether it is the broadcast address of one of its prefixes."""
        return any(int(own.network.broadcast_address) == address for own in self.addresses)


@dataclass(frozen=True, slots=True)
class Question:
    """A message as it would come; addresses are integers. `interface` None: none is known;
    `assumed`: who asks has not said which, and no prefix of it holds the relay agent."""

    message: bytes
    interface: str | None
    ifindex: int
    local: int
    destination: int
    source: int
    source_port: int
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Network:
    """What tells by which interface a message comes, if the request does not: whether a subnet
    holds an address, and the interface that the kernel's route to one leaves by (0: none)."""

    serves: Callable[[int], bool] = lambda address: True
    route: Callable[[int], int] = route_interface


def links_of(status: Mapping[str, Any]) -> tuple[Link, ...]:
    """The interfaces of the supervisor's last word."""
    return tuple(
        Link(row["index"], row["name"], tuple(map(IPv4Interface, row["addresses"])))
        for row in status.get("interfaces") or ()
    )


def question_of(
    request: ExplainRequest, links: Sequence[Link], network: Network | None = None
) -> Question:
    """The question that a request asks. Raises BadField."""
    told, source = (_address(name, getattr(request, name)) for name in ("destination", "source"))
    named = _named(request, links)
    message = _hex(request.packet) if request.packet is not None else _message(request)
    try:
        packet = decode(message)
    except DecodeError:  # the answer says why; how it came does not matter
        return Question(message, None, 0, 0, BROADCAST, 0, PORT_CLIENT)
    giaddr, ciaddr = words.address_number(packet.giaddr), words.address_number(packet.ciaddr)
    unicast = bool(giaddr) or _is_unicast(request, packet.message_type, ciaddr)
    near = _near(links, told, giaddr, ciaddr if unicast else 0)
    far = giaddr or (ciaddr if unicast else 0)
    link = named or near or _assumed(links, far, network or Network())
    return Question(
        message=message,
        interface=link.name if link else None,
        **_way(link, giaddr, ciaddr, unicast, told),
        source=source or giaddr or ciaddr,
        source_port=request.source_port or (PORT_SERVER if giaddr else PORT_CLIENT),
        assumed=bool(link and not named and not near and far),
    )


def with_server(question: Question, server_id: int) -> Question:
    """The same REQUEST, for the server that answers as `server_id` (RFC 2131 4.3.2: SELECTING)."""
    found = decode(question.message)
    options = {**found.options, _SERVER_ID: server_id.to_bytes(4)}
    message = _encode(found.message_type, found.chaddr, found.ciaddr, found.giaddr, options)
    return replace(question, message=message)


# ---- the message


def _hex(text: str) -> bytes:
    try:
        message = bytes.fromhex(text.removeprefix("hex:").replace(":", ""))
    except ValueError:
        message = b""
    if not message:
        raise BadField("packet", "write the octets of a message in hex")
    return message


def _message(request: ExplainRequest) -> bytes:
    if request.type not in TYPES:
        known = ", ".join(TYPES)
        raise BadField("type", f"{request.type!r} is no message to a server; write one of {known}")
    chaddr = b""
    if request.hw_address is not None:
        chaddr = _read("hw-address", words.hardware_bytes, request.hw_address)
    options = _options(request)
    giaddr = words.address_text(_address("relay", request.relay))
    address = _address("address", request.address)
    if not chaddr and not options.keys() & {_CLIENT_ID, _RELAY_INFO} and request.type != "inform":
        raise BadField("hw-address", "say which client: hw-address, client-id or circuit-id")
    ciaddr = "0.0.0.0"
    if request.type in (*_IN_CIADDR, *_IN_OPTION) and request.address is None:
        raise BadField("address", f"say which address it is about: {request.type} names one")
    if request.address is not None:
        if request.type in _IN_CIADDR:
            ciaddr = words.address_text(address)
        else:
            options.setdefault(_REQUESTED, address.to_bytes(4))
    return _encode(TYPES[request.type], chaddr, ciaddr, giaddr, options)


def _encode(
    message_type: int | None, chaddr: bytes, ciaddr: str, giaddr: str, options: dict[int, bytes]
) -> bytes:
    try:
        return encode(
            message_type=message_type,
            chaddr=chaddr,
            ciaddr=ciaddr,
            giaddr=giaddr,
            hops=int(giaddr != "0.0.0.0"),
            options=options,
        )
    except EncodeError as error:
        raise BadField("options", error) from error


def _options(request: ExplainRequest) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    texts = (
        ("client_id", _CLIENT_ID), ("vendor_class", _VENDOR_CLASS), ("user_class", _USER_CLASS),
        ("hostname", _HOSTNAME),
    )  # fmt: skip
    for name, code in texts:
        text = getattr(request, name)
        if text is not None:
            found[code] = _read(name.replace("_", "-"), values.identifier, text)
    relay_info = b""
    for name, code in _RELAY_PARTS:
        text = getattr(request, name)
        if text is not None:
            octets = _read(name.replace("_", "-"), values.identifier, text)
            relay_info += bytes((code, len(octets))) + octets
    if request.link is not None:
        relay_info += bytes((_LINK_SELECTION, 4)) + _address("link", request.link).to_bytes(4)
    if relay_info:
        found[_RELAY_INFO] = relay_info
    if request.parameters is not None:
        found[_PARAMETERS] = bytes(request.parameters)
    for key, text in (request.options or {}).items():
        code = _code(key)
        if code == _RELAY_INFO and relay_info:
            text = "circuit-id, remote-id, subscriber-id and link make an option 82 of their own"
            raise BadField(f"options.{key}", f"{text}: write all of it, or none of it, there")
        found[code] = _read(f"options.{key}", values.identifier, text) if text else b""
    return found


def _code(key: str) -> int:
    if key in BY_NAME:
        return BY_NAME[key].code
    if key.isdecimal() and key.isascii() and 1 <= int(key[:4]) <= 254:
        return int(key)
    raise BadField(f"options.{key}", "write the code of an option, 1 to 254, or its name")


# ---- the way


def _is_unicast(request: ExplainRequest, message_type: int | None, ciaddr: int) -> bool:
    """RFC 2131 4.3.2, 4.4.6: who has an address renews and releases it by unicast."""
    if request.packet is None and request.type == "rebind":
        return False
    return bool(ciaddr) and message_type in (REQUEST, RELEASE)


def _named(request: ExplainRequest, links: Sequence[Link]) -> Link | None:
    """The interface that the request names; None: it names none."""
    if request.interface is None:
        return None
    for link in links:
        if link.name == request.interface:
            return link
    known = ", ".join(link.name for link in links) or "none"
    text = f"{printable(request.interface)} is not served: the server's are {known} (interfaces)"
    raise BadField("interface", text)


def _near(links: Sequence[Link], *addresses: int) -> Link | None:
    """The interface with a prefix that holds one of them, the first that has one."""
    for address in addresses:
        for link in links:
            if address and link.near(address):
                return link
    return None


def _assumed(links: Sequence[Link], far: int, network: Network) -> Link | None:
    """The interface that it came by, where no prefix tells; None: the server has told of none yet.
    `far`: who sent it, from beyond the links; 0: nobody. The loopback interface is none."""
    usable = [link for link in links if link.addresses and not link.is_loopback]
    if far:
        index = network.route(far)
        routed = [link for link in usable if link.index == index]
        return next(iter(routed or usable), None)
    served = [
        link for link in usable if any(network.serves(int(own.ip)) for own in link.addresses)
    ]
    wanted = served or usable
    if len(wanted) < 2:
        return next(iter(wanted), None)
    known = " or ".join(link.name for link in wanted)
    raise BadField("interface", f"say by which it came: --interface {known}, or --relay GIADDR")


def _way(
    link: Link | None, giaddr: int, ciaddr: int, unicast: bool, told: int
) -> dict[str, int]:
    """Interface, our address there, and where it was sent to: what another server was sent counts
    as sent to us."""
    local = 0
    if link is not None and link.addresses:
        near = link.near(told) or link.near(giaddr) or link.near(ciaddr)
        local = near or int(link.addresses[0].ip)
        if any(int(own.ip) == told for own in link.addresses):
            local = told
    if told:
        unicast = told != BROADCAST and not (link is not None and link.is_broadcast(told))
    destination = local if unicast else BROADCAST
    return {"ifindex": link.index if link else 0, "local": local, "destination": destination}


def _address(field: str, text: str | None) -> int:
    """0 for none."""
    return 0 if text is None else _read(field, words.address_number, text)


def _read(field: str, read: Any, text: str) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise BadField(field, error) from error
