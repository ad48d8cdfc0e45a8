"""The reference policy: what an ISP's configuration has that a small one has not.

200 subnets, 12 options, 5 classes and 10,000 reservations; its clients send a 60-octet option 82,
a vendor class, and one of 3 request lists. A server with it is measured beside the same server
with the small policy, under the same clients.
"""

from ipaddress import IPv4Address

from fastdhcp_bench.network import POOL, RELAY_ADDRESS, SUBNET

SUBNETS = 200
RESERVATIONS = 10_000
RESERVED_EACH = 6
"""Every sixth client has a reservation, as far as they go."""
FIRST_RESERVED = int(IPv4Address("10.129.0.0"))
MESSAGES = (
    "--client-id", "--hostname", "--circuit-id", "--circuit-id-size", "58",
    "--vendor-class", "docsis3.0:", "--request-list", "1,3,6,15,51,54",
    "--request-list", "1,121,3,6,15,119,252,42", "--request-list", "1,2,3,4,7,6,15,66,67,51,54",
)  # fmt: skip
"""Arguments of the generator; option 82 has 60 octets."""
_OPTIONS = """\
[defaults.options]
domain-name-servers = ["10.0.0.2", "10.0.0.3"]
domain-name = "isp.example"
domain-search = ["isp.example", "cpe.isp.example"]
ntp-servers = ["10.0.0.4"]
log-servers = ["10.0.0.5"]
time-servers = ["10.0.0.6"]
time-offset = 3600
tftp-server-name = "cm.isp.example"
posix-timezone = "CET-1CEST,M3.5.0,M10.5.0/3"
tz-name = "Europe/Berlin"
"""
_CLASSES = """\
[[classes]]
name = "modem"
test = "substring(option[60].hex, 0, 6) == 'docsis'"
lease-class = true
boot-file = "cm/gold.bin"
options = { boot-file-name = "cm/gold.bin" }
[[classes]]
name = "voice"
test = "substring(option[60].hex, 0, 4) == 'pktc'"
options = { tftp-server-name = "mta.isp.example" }
[[classes]]
name = "boot"
test = "substring(option[60].hex, 0, 9) == 'PXEClient' and option[93].exists"
next-server = "10.0.0.8"
[[classes]]
name = "business"
test = "substring(relay4[1].hex, 0, 4) == 'biz-' or member('known')"
lease-time = "2h"
[[classes]]
name = "home"
test = "relay4[1].exists and not member('business')"
"""


def reference_policy() -> str:
    """All but [server] and [defaults], in TOML."""
    return "\n".join([_OPTIONS, _CLASSES, *map(_subnet, range(SUBNETS - 1)), _measured()])


def _subnet(number: int) -> str:
    """One whose clients are not there today."""
    prefix = f"172.{16 + number // 128}.{number % 128 * 2}"
    return (
        f'[[subnets]]\nsubnet = "{prefix}.0/24"\npools = ["{prefix}.10-{prefix}.250"]\n'
        f'options = {{ routers = ["{prefix}.1"] }}\n'
    )


def _measured() -> str:
    """The subnet of the clients, with all reservations."""
    rows = "".join(
        f'[[subnets.reservations]]\nhw-address = "{_hardware(number * RESERVED_EACH)}"\n'
        f'address = "{IPv4Address(FIRST_RESERVED + number)}"\n'
        for number in range(RESERVATIONS)
    )
    return (
        f'[[subnets]]\nsubnet = "{SUBNET}"\noptions = {{ routers = ["{RELAY_ADDRESS}"] }}\n'
        f'pools = [{{ range = "{POOL[0]}-{POOL[1]}", allow = ["modem", "home"] }}]\n{rows}'
    )


def _hardware(client: int) -> str:
    """A client's, as the generator has it."""
    return (b"\x02\0" + client.to_bytes(4)).hex(":")
