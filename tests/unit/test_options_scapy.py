"""What is configured is what scapy reads, of every option that scapy knows by its type."""

import pytest
from scapy.fields import ByteField, IntField, IPField, ShortField, StrField
from scapy.layers.dhcp import DHCP, ClasslessFieldListField, DHCPOptions

from fastdhcp.options import BY_NAME, decode

from .test_options import ENCODINGS

READABLE = (ByteField, IntField, IPField, ShortField, StrField, ClasslessFieldListField)
ELSEWHERE = {"pxe-128"}  # for scapy an address, as some telephones have it
SIGNED = 2
"""Scapy reads the time offset without its sign (RFC 2132 3.4 has one)."""


def known() -> list[tuple[str, str]]:
    return [
        (name, octets)
        for _, name, _, octets in ENCODINGS
        if isinstance(DHCPOptions.get(BY_NAME[name].code), READABLE) and name not in ELSEWHERE
    ]


def flat(value: object) -> list[object]:
    if isinstance(value, list | tuple):
        return [part for item in value for part in flat(item)]
    return [int(value) if isinstance(value, bool) else value]


def test_scapy_knows_many() -> None:
    assert len({name for name, _ in known()}) > 60


@pytest.mark.parametrize(("name", "octets"), known())
def test_scapy_reads_it_alike(name: str, octets: str) -> None:
    code, data = BY_NAME[name].code, bytes.fromhex(octets)
    (said, *values), end = DHCP(bytes((code, len(data))) + data + b"\xff").options
    assert end == "end"
    ours = flat(decode(code, data))
    theirs = [value.decode() if isinstance(value, bytes) else value for value in flat(values)]
    if code == SIGNED:
        ours = [value % 2**32 for value in ours if isinstance(value, int)]
    if isinstance(DHCPOptions[code], ClasslessFieldListField):
        ours = [f"{prefix}:{router}" for prefix, router in decode(code, data)]
    assert theirs == ours, said
