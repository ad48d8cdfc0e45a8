"""Every option of DHCP: code, name, type and RFC, as IANA lists them, and a few that it has not."""

from dataclasses import dataclass

from fastdhcp.options.names import NAME, NAMES, SEARCH_LIST
from fastdhcp.options.special import (
    BOOT_MENU,
    BOOT_SERVERS,
    POLICY_FILTER,
    RESOLVERS,
    ROUTES,
    SERVER_LISTS,
    SIP_SERVERS,
    STATIC_ROUTES,
    URIS,
)
from fastdhcp.options.types import (
    ADDRESS,
    ADDRESS6,
    ADDRESSES,
    BYTES,
    DURATION,
    EMPTY,
    FLAG,
    I8,
    I16,
    I32,
    TEXT,
    U8,
    U16,
    U32,
    Type,
    array,
    number,
    record,
)

TYPES: dict[str, Type] = {
    kind.name: kind
    for kind in (
        TEXT, ADDRESS, ADDRESSES, ADDRESS6, U8, U16, U32, I8, I16, I32, FLAG, EMPTY, DURATION,
        NAME, NAMES, ROUTES, BYTES,
    )
}  # fmt: skip
"""What [[option-definitions]] may name, by name."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option, or sub-option. `server`: written by the server itself, never configured."""

    code: int
    name: str
    type: Type
    rfc: str
    server: bool = False


def numbers(inner: Type, example: str) -> Type:
    """A list of numbers of one size."""
    return array(f"{inner.name}...", inner, "a list of numbers", example)


_TTL = number("u8", 1, allowed=range(1, 256))  # RFC 2132 4.5, 7.1
_TRUTH_U8 = number("u8", 1, allowed=(0, 1))

OPTIONS: tuple[Option, ...] = (
    Option(1, "subnet-mask", ADDRESS, "2132 3.3", server=True),
    Option(2, "time-offset", I32, "2132 3.4"),
    Option(3, "routers", ADDRESSES, "2132 3.5"),
    Option(4, "time-servers", ADDRESSES, "2132 3.6"),
    Option(5, "name-servers", ADDRESSES, "2132 3.7"),
    Option(6, "domain-name-servers", ADDRESSES, "2132 3.8"),
    Option(7, "log-servers", ADDRESSES, "2132 3.9"),
    Option(8, "cookie-servers", ADDRESSES, "2132 3.10"),
    Option(9, "lpr-servers", ADDRESSES, "2132 3.11"),
    Option(10, "impress-servers", ADDRESSES, "2132 3.12"),
    Option(11, "resource-location-servers", ADDRESSES, "2132 3.13"),
    Option(12, "host-name", TEXT, "2132 3.14"),
    Option(13, "boot-size", U16, "2132 3.15"),
    Option(14, "merit-dump", TEXT, "2132 3.16"),
    Option(15, "domain-name", TEXT, "2132 3.17"),
    Option(16, "swap-server", ADDRESS, "2132 3.18"),
    Option(17, "root-path", TEXT, "2132 3.19"),
    Option(18, "extensions-path", TEXT, "2132 3.20"),
    Option(19, "ip-forwarding", FLAG, "2132 4.1"),
    Option(20, "non-local-source-routing", FLAG, "2132 4.2"),
    Option(21, "policy-filter", POLICY_FILTER, "2132 4.3"),
    Option(22, "max-dgram-reassembly", number("u16", 2, allowed=range(576, 65536)), "2132 4.4"),
    Option(23, "default-ip-ttl", _TTL, "2132 4.5"),
    Option(24, "path-mtu-aging-timeout", DURATION, "2132 4.6"),
    Option(
        25,
        "path-mtu-plateau-table",
        numbers(number("u16", 2, allowed=range(68, 65536)), "[576, 1492]"),
        "2132 4.7",
    ),
    Option(26, "interface-mtu", number("u16", 2, allowed=range(68, 65536)), "2132 5.1"),
    Option(27, "all-subnets-local", FLAG, "2132 5.2"),
    Option(28, "broadcast-address", ADDRESS, "2132 5.3"),
    Option(29, "perform-mask-discovery", FLAG, "2132 5.4"),
    Option(30, "mask-supplier", FLAG, "2132 5.5"),
    Option(31, "router-discovery", FLAG, "2132 5.6"),
    Option(32, "router-solicitation-address", ADDRESS, "2132 5.7"),
    Option(33, "static-routes", STATIC_ROUTES, "2132 5.8"),
    Option(34, "trailer-encapsulation", FLAG, "2132 6.1"),
    Option(35, "arp-cache-timeout", DURATION, "2132 6.2"),
    Option(36, "ieee802-3-encapsulation", FLAG, "2132 6.3"),
    Option(37, "default-tcp-ttl", _TTL, "2132 7.1"),
    Option(38, "tcp-keepalive-interval", DURATION, "2132 7.2"),
    Option(39, "tcp-keepalive-garbage", FLAG, "2132 7.3"),
    Option(40, "nis-domain", TEXT, "2132 8.1"),
    Option(41, "nis-servers", ADDRESSES, "2132 8.2"),
    Option(42, "ntp-servers", ADDRESSES, "2132 8.3"),
    Option(43, "vendor-encapsulated-options", BYTES, "2132 8.4"),
    Option(44, "netbios-name-servers", ADDRESSES, "2132 8.5"),
    Option(45, "netbios-dd-server", ADDRESSES, "2132 8.6"),
    Option(46, "netbios-node-type", number("u8", 1, allowed=(1, 2, 4, 8)), "2132 8.7"),
    Option(47, "netbios-scope", TEXT, "2132 8.8"),
    Option(48, "font-servers", ADDRESSES, "2132 8.9"),
    Option(49, "x-display-manager", ADDRESSES, "2132 8.10"),
    Option(50, "requested-address", ADDRESS, "2132 9.1", server=True),
    Option(51, "lease-time", U32, "2132 9.2", server=True),
    Option(52, "option-overload", U8, "2132 9.3", server=True),
    Option(53, "message-type", U8, "2132 9.6", server=True),
    Option(54, "server-id", ADDRESS, "2132 9.7", server=True),
    Option(55, "parameter-request-list", numbers(U8, "[1]"), "2132 9.8", server=True),
    Option(56, "message", TEXT, "2132 9.9", server=True),
    Option(57, "maximum-message-size", U16, "2132 9.10", server=True),
    Option(58, "renewal-time", U32, "2132 9.11", server=True),
    Option(59, "rebinding-time", U32, "2132 9.12", server=True),
    Option(60, "vendor-class-identifier", TEXT, "2132 9.13"),
    Option(61, "client-id", BYTES, "2132 9.14", server=True),
    Option(62, "nwip-domain-name", TEXT, "2242 2"),
    Option(63, "nwip-suboptions", BYTES, "2242 3"),
    Option(64, "nisplus-domain-name", TEXT, "2132 8.11"),
    Option(65, "nisplus-servers", ADDRESSES, "2132 8.12"),
    Option(66, "tftp-server-name", TEXT, "2132 9.4"),
    Option(67, "boot-file-name", TEXT, "2132 9.5"),
    Option(68, "mobile-ip-home-agent", ADDRESSES, "2132 8.13"),
    Option(69, "smtp-server", ADDRESSES, "2132 8.14"),
    Option(70, "pop-server", ADDRESSES, "2132 8.15"),
    Option(71, "nntp-server", ADDRESSES, "2132 8.16"),
    Option(72, "www-server", ADDRESSES, "2132 8.17"),
    Option(73, "finger-server", ADDRESSES, "2132 8.18"),
    Option(74, "irc-server", ADDRESSES, "2132 8.19"),
    Option(75, "streettalk-server", ADDRESSES, "2132 8.20"),
    Option(76, "streettalk-directory-assistance-server", ADDRESSES, "2132 8.21"),
    Option(77, "user-class", BYTES, "3004 4"),
    Option(78, "slp-directory-agent", record((FLAG, ADDRESSES), '[true, ["10.0.0.1"]]'), "2610 3"),
    Option(79, "slp-service-scope", record((FLAG, TEXT), '[true, "campus"]'), "2610 4"),
    Option(80, "rapid-commit", EMPTY, "4039 4", server=True),
    Option(81, "client-fqdn", BYTES, "4702 2", server=True),
    Option(82, "relay-agent-information", BYTES, "3046 2.0", server=True),
    Option(
        83,
        "isns",
        record((U16, U16, U16, U32, ADDRESSES), '[1, 0, 0, 0, ["10.0.0.1"]]'),
        "4174 2",
    ),
    Option(85, "nds-servers", ADDRESSES, "2241 2"),
    Option(86, "nds-tree-name", TEXT, "2241 3"),
    Option(87, "nds-context", TEXT, "2241 4"),
    Option(88, "bcms-controller-names", NAMES, "4280"),
    Option(89, "bcms-controller-address", ADDRESSES, "4280"),
    Option(90, "authentication", BYTES, "3118 2", server=True),
    Option(91, "client-last-transaction-time", U32, "4388 6.1", server=True),
    Option(92, "associated-ip", ADDRESSES, "4388 6.1", server=True),
    Option(93, "client-system", numbers(U16, "[7]"), "4578 2.1"),
    Option(94, "client-ndi", record((U8, U8, U8), "[1, 3, 16]"), "4578 2.2"),
    Option(95, "ldap-url", TEXT, "3679"),
    Option(97, "uuid-guid", BYTES, "4578 2.3"),
    Option(98, "uap-servers", TEXT, "2485"),
    Option(99, "geoconf-civic", BYTES, "4776 3.1"),
    Option(100, "posix-timezone", TEXT, "4833 2"),
    Option(101, "tz-name", TEXT, "4833 2"),
    Option(108, "v6-only-preferred", DURATION, "8925 3.1"),
    Option(109, "softwire-source-address", ADDRESS6, "8539"),
    Option(112, "netinfo-server-address", ADDRESSES, "3679"),
    Option(113, "netinfo-server-tag", TEXT, "3679"),
    Option(114, "captive-portal", TEXT, "8910 2.1"),
    Option(116, "auto-config", _TRUTH_U8, "2563 2"),
    Option(117, "name-service-search", numbers(U16, "[6, 44]"), "2937"),
    Option(118, "subnet-selection", ADDRESS, "3011", server=True),
    Option(119, "domain-search", SEARCH_LIST, "3397 2"),
    Option(120, "sip-servers", SIP_SERVERS, "3361 3"),
    Option(121, "classless-static-routes", ROUTES, "3442"),
    Option(122, "cablelabs-client", BYTES, "3495 4"),
    Option(123, "geoconf", BYTES, "6225"),
    Option(124, "vendor-class", BYTES, "3925 3"),
    Option(125, "vendor-options", BYTES, "3925 4"),
    *(Option(code, f"pxe-{code}", BYTES, "4578 2.4") for code in range(128, 136)),
    Option(136, "pana-agent", ADDRESSES, "5192"),
    Option(137, "v4-lost", NAME, "5223"),
    Option(138, "capwap-ac-v4", ADDRESSES, "5417"),
    Option(139, "mos-addresses", BYTES, "5678"),
    Option(140, "mos-names", BYTES, "5678"),
    Option(141, "sip-ua-cs-domains", NAMES, "6011"),
    Option(142, "andsf-addresses", ADDRESSES, "6153"),
    Option(143, "v4-sztp-redirect", URIS, "8572 8.1"),
    Option(144, "geoloc", BYTES, "6225"),
    Option(145, "forcerenew-nonce-capable", numbers(U8, "[1]"), "6704"),
    Option(
        146,
        "rdnss-selection",
        record(
            (number("u8", 1, allowed=(0, 1, 3)), ADDRESS, ADDRESS, NAMES),
            '[0, "10.0.0.1", "10.0.0.2", ["lab.example"]]',
        ),
        "6731 4.3",
    ),
    Option(147, "v4-dots-ri", NAME, "8973"),
    Option(148, "v4-dots-addresses", ADDRESSES, "8973"),
    Option(150, "tftp-servers", ADDRESSES, "5859"),
    Option(151, "status-code", BYTES, "6926", server=True),
    Option(152, "base-time", U32, "6926", server=True),
    Option(153, "start-time-of-state", U32, "6926", server=True),
    Option(154, "query-start-time", U32, "6926", server=True),
    Option(155, "query-end-time", U32, "6926", server=True),
    Option(156, "dhcp-state", U8, "6926", server=True),
    Option(157, "data-source", U8, "6926", server=True),
    Option(158, "v4-pcp-servers", SERVER_LISTS, "7291 4"),
    Option(159, "v4-portparams", record((U8, U8, U16), "[6, 8, 0]"), "7618"),
    Option(161, "mud-url", TEXT, "8520"),
    Option(162, "v4-dnr", RESOLVERS, "9463 5.1"),
    Option(175, "etherboot", BYTES, ""),
    Option(176, "ip-telephone", TEXT, ""),
    Option(177, "packetcable", BYTES, ""),
    Option(208, "pxelinux-magic", BYTES, "5071 3"),
    Option(209, "pxelinux-configuration-file", TEXT, "5071 4"),
    Option(210, "pxelinux-path-prefix", TEXT, "5071 5"),
    Option(211, "pxelinux-reboot-time", DURATION, "5071 6"),
    Option(
        212,
        "option-6rd",
        record((U8, U8, ADDRESS6, ADDRESSES), '[8, 32, "2001:db8::", ["10.0.0.1"]]'),
        "5969 7.1.1",
    ),
    Option(213, "v4-access-domain", NAME, "5986"),
    Option(220, "subnet-allocation", BYTES, "6656"),
    Option(221, "virtual-subnet-selection", BYTES, "6607 3.1", server=True),
    Option(249, "ms-classless-static-routes", ROUTES, ""),
    Option(252, "wpad-url", TEXT, ""),
)

# Relay agent information (option 82), by the code of the sub-option.
RELAY_SUB_OPTIONS: tuple[Option, ...] = (
    Option(1, "circuit-id", BYTES, "3046 3.1"),
    Option(2, "remote-id", BYTES, "3046 3.2"),
    Option(4, "docsis-device-class", U32, "3256"),
    Option(5, "link-selection", ADDRESS, "3527"),
    Option(6, "subscriber-id", TEXT, "3993"),
    Option(7, "radius-attributes", BYTES, "4014"),
    Option(8, "authentication", BYTES, "4030"),
    Option(9, "vendor-specific", BYTES, "4243"),
    Option(10, "relay-agent-flags", U8, "5010"),
    Option(11, "server-id-override", ADDRESS, "5107"),
    Option(12, "relay-agent-identifier", BYTES, "6925"),
    Option(19, "relay-source-port", U16, "8357"),
    Option(151, "virtual-subnet-selection", BYTES, "6607"),
    Option(152, "virtual-subnet-selection-control", BYTES, "6607"),
)

_IPXE = ""  # https://ipxe.org/howto/dhcpd
SPACES: dict[str, tuple[Option, ...]] = {
    # Intel's PXE 2.1: sub-options of 43 for who says PXEClient in option 60.
    "pxe": (
        Option(6, "discovery-control", U8, ""),
        Option(7, "discovery-multicast", ADDRESS, ""),
        Option(8, "boot-servers", BOOT_SERVERS, ""),
        Option(9, "boot-menu", BOOT_MENU, ""),
        Option(10, "menu-prompt", record((U8, TEXT), '[0, "PXE"]'), ""),
        Option(71, "boot-item", record((U16, U16), "[0, 0]"), ""),
    ),
    # iPXE's sub-options of 175.
    "ipxe": (
        Option(1, "priority", I8, _IPXE),
        Option(8, "keep-san", _TRUTH_U8, _IPXE),
        Option(9, "skip-san-boot", _TRUTH_U8, _IPXE),
        Option(85, "syslogs", TEXT, _IPXE),
        Option(176, "no-pxedhcp", _TRUTH_U8, _IPXE),
        Option(188, "san-filename", TEXT, _IPXE),
        Option(189, "bios-drive", U8, _IPXE),
        Option(190, "username", TEXT, _IPXE),
        Option(191, "password", TEXT, _IPXE),
    ),
    "cablelabs": (
        Option(1, "primary-dhcp-server", ADDRESS, "3495 5.1"),
        Option(2, "secondary-dhcp-server", ADDRESS, "3495 5.1"),
        Option(3, "provisioning-server", BYTES, "3495 5.2"),
        Option(4, "as-backoff", record((U32, U32, U32), "[1000, 10000, 5]"), "3495 5.3"),
        Option(5, "ap-backoff", record((U32, U32, U32), "[1000, 10000, 5]"), "3495 5.4"),
        Option(6, "kerberos-realm", NAME, "3495 5.5"),
        Option(7, "use-ticket-server", _TRUTH_U8, "3495 5.6"),
        Option(8, "provisioning-timer", U8, "3495 5.7"),
        Option(9, "ticket-control", U16, "3594 4"),
        Option(10, "kdc-addresses", ADDRESSES, "3634 2"),
    ),
    "mos-addresses": (
        Option(1, "information-service", ADDRESSES, "5678"),
        Option(2, "command-service", ADDRESSES, "5678"),
        Option(3, "event-service", ADDRESSES, "5678"),
    ),
    "mos-names": (
        Option(1, "information-service", NAMES, "5678"),
        Option(2, "command-service", NAMES, "5678"),
        Option(3, "event-service", NAMES, "5678"),
    ),
}
"""Option spaces of standards and of the trade, by name."""

ENCAPSULATED = {
    122: "cablelabs", 139: "mos-addresses", 140: "mos-names", 175: "ipxe",
}  # fmt: skip
"""Options whose sub-options are always of one space."""
