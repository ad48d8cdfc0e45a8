"""Times, sizes, addresses and identifiers as they may be written, and as they may not."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from fastdhcp.config import values

GOOD: list[tuple[Callable[..., Any], tuple[Any, ...], Any]] = [
    (values.seconds, (1,), 1),
    (values.seconds, ("90",), 90),
    (values.seconds, ("90s",), 90),
    (values.seconds, ("30m",), 1800),
    (values.seconds, ("12h",), 43200),
    (values.seconds, ("7d",), 604800),
    (values.seconds, ("2w",), 1209600),
    (values.seconds, (2**31 - 1,), 2**31 - 1),
    (values.seconds, (0, 0), 0),
    (values.microseconds, ("500us", 100_000), 500),
    (values.microseconds, ("2ms", 100_000), 2000),
    (values.microseconds, (0, 100_000), 0),
    (values.octets, ("32M", 1, 1 << 40), 32 << 20),
    (values.octets, ("4G", 1, 1 << 40), 4 << 30),
    (values.octets, (65536, 1, 1 << 40), 65536),
    (values.prefix, ("10.77.0.0/22",), (0x0A4D0000, 22)),
    (values.prefix, ("10.0.0.1/32",), (0x0A000001, 32)),
    (values.address_range, ("10.0.0.1-10.0.0.9",), (0x0A000001, 0x0A000009)),
    (values.address_range, ("10.0.0.1 - 10.0.0.9",), (0x0A000001, 0x0A000009)),
    (values.address_range, ("10.0.0.128/25",), (0x0A000080, 0x0A0000FF)),
    (values.address_range, ("10.0.0.7",), (0x0A000007, 0x0A000007)),
    (values.host_port, ("0.0.0.0:67", 1), ("0.0.0.0", 67)),
    (values.host_port, ("[::1]:8067", 0), ("::1", 8067)),
    (values.host_port, ("127.0.0.1:0", 0), ("127.0.0.1", 0)),
    (values.host4_port, ("0.0.0.0:67", 1), ("0.0.0.0", 67)),
    (values.interface_name, ("eth0.100",), "eth0.100"),
    (values.hardware_identity, ("02:ee:00:00:00:01",), bytes.fromhex("0102ee00000001")),
    (values.hardware_identity, ("02-EE-00-00-00-01",), bytes.fromhex("0102ee00000001")),
    (values.hardware_identity, ("32/" + ":".join(["ab"] * 16),), b"\x20" + b"\xab" * 16),
    (values.identifier, ("hex:ff:00",), b"\xff\x00"),
    (values.identifier, ("port 7",), b"port 7"),
]

BAD: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
    (values.seconds, ("30x",), '"30x" is not a time; write seconds, or a number with s, m, h, d or '
     'w: "30m"'),
    (values.seconds, ("-5",), '"-5" is not a time; write seconds, or a number with s, m, h, d or '
     'w: "30m"'),
    (values.seconds, (0,), "0 is out of range; write a time from 1 s to 2147483647 s"),
    (values.seconds, (2**31,), "2147483648 is out of range; write a time from 1 s to 2147483647 s"),
    (values.seconds, (-1, 0), "-1 is out of range; write a time from 0 s to 2147483647 s"),
    (values.microseconds, ("1s", 100_000), '"1s" is out of range; write a time from 0 us to '
     "100000 us"),
    (values.microseconds, ("5m", 100_000), '"5m" is not a short time; write one as in "500us" or '
     '"2ms"'),
    (values.octets, ("1K", 65536, 1 << 30), '"1K" is out of range; write a size from 64K to 1G'),
    (values.octets, ("32MB", 1, 1 << 40), '"32MB" is not a size; write octets, or a number with K, '
     'M, G or T: "32M"'),
    (values.prefix, ("10.77.0.0",), '"10.77.0.0" is not a prefix; write one as in "10.77.0.0/22"'),
    (values.prefix, ("10.77.0.1/22",), '"10.77.0.1/22" has bits beyond its length; write '
     '"10.77.0.0/22"'),
    (values.address_range, ("10.0.0.9-10.0.0.1",), '"10.0.0.9-10.0.0.1" ends before it begins; '
     'write "10.0.0.1-10.0.0.9"'),
    (values.host_port, ("localhost:80", 0), '"localhost:80" is not address:port; write one as in '
     '"127.0.0.1:8067"'),
    (values.host4_port, ("[::1]:67", 1), '"[::1]:67" is not an IPv4 address; write one as in '
     '"0.0.0.0:67"'),
    (values.host_port, ("0.0.0.0:0", 1), "port 0 is out of range; write one from 1 to 65535"),
    (values.interface_name, ("averyveryverylongname",), '"averyveryverylongname" is not the name of'
     ' an interface; write one of 1 to 15 characters without space, "/" or ":", as in "eth0"'),
    (values.hardware_identity, ("02:ee",), '"02:ee" has 2 octets; write 6'),
    (values.hardware_identity, ("32/" + ":".join(["ab"] * 17),), '"32/' + ":".join(["ab"] * 17)
     + '" has 17 octets; write 1 to 16'),
    (values.hardware_identity, ("printer",), '"printer" is not a hardware address; write one as in '
     '"02:ee:00:00:00:01"'),
    (values.hardware_identity, ("0/02:ee:00:00:00:01",), '"0/02:ee:00:00:00:01" is not a hardware '
     'address; write one as in "02:ee:00:00:00:01"'),
    # RFC 2132 9.14: a client identifier has a type and at least one octet more.
    (values.identifier, ("hex:01", 2), '"hex:01" has 1 octets; write 2 to 255'),
    (values.identifier, ("",), '"" has 0 octets; write 1 to 255'),
]  # fmt: skip


@pytest.mark.parametrize(("read", "written", "wanted"), GOOD)
def test_value(read: Callable[..., Any], written: tuple[Any, ...], wanted: object) -> None:
    assert read(*written) == wanted


@pytest.mark.parametrize(("read", "written", "text"), BAD)
def test_refusal(read: Callable[..., Any], written: tuple[Any, ...], text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        read(*written)
