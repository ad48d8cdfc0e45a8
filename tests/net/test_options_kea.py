"""What is configured here goes out as Kea sends it, of every option that both have a type for."""

import pytest

from fastdhcp.options import BY_NAME, decode
from tests.lab import Lab, build
from tests.lab.packet import DISCOVER, mac
from tests.lab.servers import Kea
from tests.unit.test_options import ENCODINGS

from .conftest import Stations

pytestmark = pytest.mark.net

SERVER = "10.77.0.1"
KEAS_NAMES = {"posix-timezone": "pcode", "tz-name": "tcode", "captive-portal": "v4-captive-portal"}
"""Where ours is another one."""
NOT_KEAS = {
    "classless-static-routes", "ms-classless-static-routes", "sip-servers", "cablelabs-client",
    "vendor-class", "vendor-options", "vendor-encapsulated-options", "isns", "geoconf", "geoloc",
    "mos-addresses", "mos-names", "andsf-addresses", "v4-sztp-redirect", "v4-dots-ri", "v4-dnr",
    "v4-dots-addresses", "tftp-servers", "v4-pcp-servers", "mud-url", "softwire-source-address",
    "forcerenew-nonce-capable", "etherboot", "ip-telephone", "packetcable", "wpad-url", "ldap-url",
    "pxelinux-magic", "pxelinux-configuration-file", "pxelinux-path-prefix", "subnet-allocation",
    "pxelinux-reboot-time", "uuid-guid", "domain-search",
    *(f"pxe-{code}" for code in range(128, 136)),
}  # fmt: skip
"""What Kea 2.2 has no definition of, or one of another form; 119 it does not compress."""
KEAS_VALUES = {"v4-portparams": "6, 18/8"}  # the PSID and its length, not its place in 16 bits
ASKED_AT_ONCE = 12


def written(value: object) -> str:
    """As Kea's option-data writes it: one list, however deep."""
    if isinstance(value, list):
        return ", ".join(map(written, value))
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).removeprefix("hex:").replace(",", "\\,")


def keas_value(name: str, data: bytes) -> str:
    return KEAS_VALUES.get(name) or written(decode(BY_NAME[name].code, data))


def cases() -> dict[str, bytes]:
    """The first case of each option that Kea knows too, by our name."""
    found: dict[str, bytes] = {}
    for _, name, _, octets in ENCODINGS:
        if name not in NOT_KEAS:
            found.setdefault(name, bytes.fromhex(octets))
    return found


def test_kea_sends_the_same_octets(lab: Lab) -> None:
    wanted = {BY_NAME[name].code: data for name, data in cases().items()}
    more = {KEAS_NAMES.get(name, name): keas_value(name, data) for name, data in cases().items()}
    lab.veth(f"server:srv0={SERVER}/22", "client:cli0")
    station = Stations(lab, Kea(lab, "server", more=more)).link("cli0")
    codes = sorted(set(wanted) - {3})  # routers are the subnet's
    found: dict[int, bytes] = {}
    for at in range(0, len(codes), ASKED_AT_ONCE):
        options = {55: bytes(codes[at : at + ASKED_AT_ONCE]), 57: (1500).to_bytes(2)}
        reply = station.exchange(build(DISCOVER, mac(1), 1 + at, options=options)).message
        found |= {code: reply.options[code] for code in reply.options if code in options[55]}
    assert len(found) > 85
    assert {code: data.hex() for code, data in found.items()} == {
        code: wanted[code].hex() for code in codes
    }
