"""The packets that both evaluators are asked about: with absent, empty and repeated values."""

from dataclasses import dataclass

from fastdhcp._codec import encode

GIADDR = "10.88.0.1"
RESERVED = b"\x02\xee\0\0\0\x0b"
"""The hardware address for which Kea has a reservation: it is `known`."""
CLASSES = {
    "modem": "substring(option[60].hex, 0, 6) == 'docsis'",
    "gold": "relay4[1].exists",
    "voice": "not member('modem')",
}
"""Classes that the expressions may ask for, in their order."""


@dataclass(frozen=True)
class Packet:
    """A request, and by which of CLASSES it is matched."""

    name: str
    message: bytes
    classes: frozenset[str]
    known: bool


def vendor(number: int, *parts: tuple[int, bytes]) -> bytes:
    """RFC 3925 4: an enterprise and its sub-options."""
    data = b"".join(bytes((code, len(value))) + value for code, value in parts)
    return number.to_bytes(4) + bytes((len(data),)) + data


def relay(*parts: tuple[int, bytes]) -> bytes:
    return b"".join(bytes((code, len(value))) + value for code, value in parts)


OPTIONS: dict[str, list[tuple[int, bytes]]] = {
    "bare": [],
    "modem": [
        (60, b"docsis3.0:0524"), (43, relay((1, b"ab"), (2, b"z"))),
        (61, b"\xff\0\0\0\1ab"), (57, b"\x05\xdc"), (55, b"\x01\x03\x06\x0f"),
        (125, vendor(4491, (1, b"\x01\x02"), (2, b"\x0a\0\0\5"))),
        (124, vendor(4491)[:4] + b"\x05cable"),
        (82, relay((1, b"eth 1/1/7"), (2, b"\x02\xaa\0\0\0\7"), (6, b"sub-1"))),
    ],
    "pxe": [
        (60, b"PXEClient:Arch:00007:UNDI:003016"), (93, b"\0\7"), (94, b"\1\3\x10"),
        (97, b"\0" + bytes(range(16))), (57, b"\x04\xec"), (175, b"\x01\x01\x04"),
    ],
    "host": [
        (12, b"Prn-Floor2"), (60, b"MSFT 5.0"), (61, b"\x01" + RESERVED),
        (50, bytes((10, 88, 0, 44))), (55, b"\x01\x0f\x03\x06"), (81, b"\0\0\0host.example"),
        (82, relay((1, b"a"), (2, b""), (151, b"\0vpn"))),
    ],
    "empty": [
        (224, b""), (80, b""), (230, b""), (61, b"\x01\x02"), (82, relay((1, b""), (2, b"x"))),
    ],
    "repeated": [
        (224, b"ab"), (60, b"docsis1.1"), (224, b"cd"), (230, b"x.y.z"),
        (82, relay((1, b"first"), (1, b"second"), (2, b"r.1:2"))),
    ],
    "other": [
        (12, b"AbC"), (224, b"\x00\x01\xfe\xff"), (230, b"a:b/c d"), (50, bytes((10, 88, 0, 77))),
        (125, vendor(3561, (1, b"000A1B"))), (124, vendor(3561)[:4] + b"\x03dsl"),
        (82, relay((2, b"\0"), (9, b"\0\0\x0d\xe9\x01\x07"))),
    ],
    "long": [
        (60, b"docsis" + b"x" * 190), (12, b"n" * 60), (224, bytes(range(200))),
        (82, relay((1, b"c" * 100), (2, b"R" * 60))),
    ],
}  # fmt: skip


def packets() -> list[Packet]:
    """All of them, in their order."""
    found = []
    for number, (name, options) in enumerate(OPTIONS.items(), 10):
        chaddr = b"\x02\xee\0\0\0" + bytes((number,)) if name != "host" else RESERVED
        message = encode(
            chaddr=chaddr,
            xid=0x01020300 + number,
            giaddr=GIADDR,
            message_type=1,
            options=options,
        )
        sent = dict(options)
        modem = sent.get(60, b"").startswith(b"docsis")
        gold = sent.get(82, b"").startswith(b"\x01")
        names = {"modem": modem, "gold": gold, "voice": not modem}
        matched = frozenset(key for key, value in names.items() if value)
        found.append(Packet(name, message, matched, chaddr == RESERVED))
    return found
