"""Messages in hex, each case named by the RFC section that it stands for.

`frame` builds a message from hex without the codec, so that the codec is never its own witness.
The tables also seed the fuzzer.
"""

from typing import NamedTuple

COOKIE = "63825363"


class Good(NamedTuple):
    """A request that is read: `fields` are those of `decode_request` that the case is about."""

    name: str
    data: bytes
    fields: dict[str, object]


class Bad(NamedTuple):
    """A message that is dropped under the name `reason`."""

    name: str
    data: bytes
    reason: str


def frame(
    options: str = "",
    *,
    op: int = 1,
    htype: int = 1,
    hlen: int = 6,
    hops: int = 0,
    xid: int = 0x3903F326,
    secs: int = 0,
    flags: int = 0,
    ciaddr: str = "00000000",
    yiaddr: str = "00000000",
    siaddr: str = "00000000",
    giaddr: str = "00000000",
    chaddr: str = "02ee00000001",
    sname: str = "",
    file: str = "",
    cookie: str = COOKIE,
    size: int = 0,
) -> bytes:
    """RFC 2131 2, figure 1. `size` pads with zeros; addresses, texts and options are hex."""
    head = bytes([op, htype, hlen, hops]) + xid.to_bytes(4) + secs.to_bytes(2) + flags.to_bytes(2)
    head += bytes.fromhex(ciaddr + yiaddr + siaddr + giaddr)
    head += bytes.fromhex(chaddr).ljust(16, b"\0")
    head += bytes.fromhex(sname).ljust(64, b"\0") + bytes.fromhex(file).ljust(128, b"\0")
    return (head + bytes.fromhex(cookie + options)).ljust(size, b"\0")


# As udhcpc sends it: 300 bytes, ten of them END's padding and more.
DISCOVER = frame(
    "3501013d070102ee000000013902024037070103060c0f1c2a3c0c756468637020312e33352e30ff",
    size=300,
)
# As dhclient asks for the address that was offered (RFC 2131 4.3.2, SELECTING), relayed.
REQUEST = frame(
    "350103" "36040a4d0001" "32040a4d0105" "0c05" "686f737431" "3707" "011c02030f0677"
    "520c" "0104" "706f7274" "0204" "73773031" "ff",
    hops=1, giaddr="0a4d0001", size=300,
)  # fmt: skip

GOOD = [
    Good("RFC 2131 4.4.1: DISCOVER of 300 bytes", DISCOVER, {
        "op": 1, "htype": 1, "hlen": 6, "xid": 0x3903F326, "message_type": 1, "max_size": 576,
        "client_id": bytes.fromhex("0102ee00000001"), "requested": None, "relay_info": None,
        "parameter_list": bytes([1, 3, 6, 12, 15, 28, 42]), "vendor_class": b"udhcp 1.35.0",
    }),
    Good("RFC 2131 4.3.2: REQUEST in SELECTING, relayed", REQUEST, {
        "message_type": 3, "hops": 1, "giaddr": 0x0A4D0001, "requested": 0x0A4D0105,
        "server_id": 0x0A4D0001, "hostname": b"host1", "circuit_id": b"port",
        "remote_id": b"sw01", "relay_info": b"\1\4port\2\4sw01",
    }),
    Good("RFC 2131 4.3.2: REQUEST in RENEWING, ciaddr, unicast",
         frame("350103ff", ciaddr="0a4d0105"),
         {"message_type": 3, "ciaddr": 0x0A4D0105, "requested": None, "server_id": None}),
    Good("RFC 2131 2: every field in network order",
         frame("350101ff", htype=6, hops=3, xid=0x01020304, secs=0x0506, flags=0x8000,
               ciaddr="0a000001", yiaddr="0a000002", siaddr="0a000003", giaddr="0a000004"),
         {"htype": 6, "hops": 3, "xid": 0x01020304, "secs": 0x0506, "flags": 0x8000,
          "ciaddr": 0x0A000001, "yiaddr": 0x0A000002, "siaddr": 0x0A000003,
          "giaddr": 0x0A000004}),
    Good("RFC 2131 2: hlen 16 fills chaddr", frame("350101ff", hlen=16, chaddr="aa" * 16),
         {"hlen": 16, "chaddr": b"\xaa" * 16}),
    Good("RFC 4390 2.1: hlen 0, InfiniBand", frame("350101ff", htype=32, hlen=0, chaddr=""),
         {"htype": 32, "hlen": 0, "chaddr": bytes(16)}),
    Good("RFC 2132 3.2: END is left out, the message's end ends the options", frame("350101"),
         {"message_type": 1}),
    Good("RFC 2132 3.2: bytes after END are not read", frame("350101ff" "3503" "ff0c"),
         {"message_type": 1}),
    Good("RFC 2132 3.2: END after END", frame("350101" "ffffffff"), {"message_type": 1}),
    Good("RFC 2132 3.1: pads between options", frame("0000350101" "0000" "0c0161" "00ff"),
         {"message_type": 1, "hostname": b"a"}),
    Good("RFC 2132 3.1: pads to the end, no END", frame("350101", size=300), {"message_type": 1}),
    Good("RFC 2132 2: option 255 and 0 inside a value are bytes", frame("0c03ff00ff" "350101ff"),
         {"message_type": 1, "hostname": b"\xff\0\xff"}),
    Good("RFC 2131 3: unknown options are passed over", frame("e0020102" "350101" "fe00" "ff"),
         {"message_type": 1}),
    Good("RFC 1534 2: cookie without option 53 is BOOTP", frame("ff", size=300),
         {"message_type": 0}),
    Good("RFC 1534 2: cookie and nothing else is BOOTP", frame(), {"message_type": 0}),
    Good("RFC 951 3: a vend field of zeros is BOOTP", frame(cookie="", size=300),
         {"message_type": 0, "client_id": None}),
    Good("RFC 951 3: no vend field at all is BOOTP", frame(cookie="", size=236),
         {"message_type": 0}),
    Good("RFC 951 3: three bytes of vend field, zero", frame(cookie="000000"),
         {"message_type": 0}),
    Good("RFC 951 3: what stands behind the vend field is not looked at",
         frame(cookie="", size=300) + b"\x63", {"message_type": 0}),
    Good("RFC 3396 7: repeats with others between are joined", frame(
        "3d0201aa" "350101" "3d02bbcc" "0c0161" "3d01dd" "ff"),
         {"client_id": bytes.fromhex("01aabbccdd"), "hostname": b"a"}),
    Good("RFC 2132 2: NULs at the end of text are deleted", frame(
        "350101" "0c05" "6162000000" "ff"),
         {"hostname": b"ab"}),
    Good("RFC 2132 2: text of NULs alone is none", frame("350101" "0c02" "0000" "ff"),
         {"hostname": None}),
    Good("RFC 2132 2: a NUL within text stays", frame("350101" "0c03" "610062" "ff"),
         {"hostname": b"a\0b"}),
    Good("RFC 2132 8.4, 3925 4: vendor options (43, 125) are passed over", frame(
        "2b03" "350107" "7d05" "0000118b09" "350101" "ff"), {"message_type": 1}),
    Good("RFC 2132 9.13: a vendor class of any octets", frame("3c02" "ff00" "350101" "ff"),
         {"message_type": 1, "vendor_class": b"\xff\0"}),
    Good("RFC 3118 2: an authentication option (90) is passed over", frame(
        "5a0b" "0100000000000000000000" "350101" "ff"), {"message_type": 1}),
    Good("RFC 4702 2: option 81 of two octets counts as absent", frame("350101" "51020100" "ff"),
         {"fqdn": None}),
    Good("RFC 3396 7: two options repeated, in turn", frame(
        "0c0161" "3701" "01" "0c0162" "370103" "350101" "ff"),
         {"hostname": b"ab", "parameter_list": b"\1\3", "message_type": 1}),
    Good("RFC 3396 7: an address in two halves is one address", frame(
        "350103" "32020a4d" "32020105" "ff"), {"requested": 0x0A4D0105}),
    Good("RFC 3396 7: an empty part adds nothing", frame("350101" "3500" "ff"),
         {"message_type": 1}),
    Good("RFC 3396 7: option 82 in two parts, a sub-option across them", frame(
        "350101" "52040106" "706f" "5204" "72743031" "ff"),
         {"relay_info": b"\1\6port01", "circuit_id": b"port01"}),
    Good("RFC 2132 9.3: overload 1, options in file", frame(
        "350101" "340101" "ff", file="0c0161" "ff"), {"message_type": 1, "hostname": b"a"}),
    Good("RFC 2132 9.3: overload 2, options in sname", frame(
        "350101" "340102" "ff", sname="0c0161" "ff", file="0c0162ff"), {"hostname": b"a"}),
    Good("RFC 2132 9.3: overload 3, option 53 itself in sname", frame(
        "340103" "ff", file="0c0161" "ff", sname="350101" "ff"),
         {"message_type": 1, "hostname": b"a"}),
    Good("RFC 3396 5: joined in the order options, file, sname", frame(
        "350101" "340103" "0c0161" "ff", file="0c0162" "ff", sname="0c0163" "ff"),
         {"hostname": b"abc"}),
    Good("RFC 2131 4.1: sname without END ends with the field", frame(
        "350101" "340102" "ff", sname="0c3e" + "61" * 62), {"hostname": b"a" * 62}),
    Good("RFC 2132 9.3: a 52 inside file says nothing", frame(
        "350101" "340101" "ff", file="340102" "ff", sname="0c0161" "ff"), {"hostname": None}),
    Good("RFC 2132 9.14: option 61 of no bytes names nobody", frame("350101" "3d00" "ff"),
         {"client_id": None}),
    Good("RFC 2132 9.14: option 61 of one byte names nobody", frame("350101" "3d0101" "ff"),
         {"client_id": None}),
    Good("RFC 2132 9.14: option 61 of two bytes", frame("350101" "3d020041" "ff"),
         {"client_id": b"\0A"}),
    Good("RFC 2132 9.14: option 61 of 255 bytes", frame("350101" "3dff" + "61" * 255 + "ff"),
         {"client_id": b"a" * 255}),
    Good("ours: option 61 of 256 joined bytes counts as absent",
         frame("350101" "3dff" + "61" * 255 + "3d0161" "ff"), {"client_id": None}),
    Good("RFC 2132 9.1: option 50 of three bytes counts as absent", frame(
        "350103" "32030a4d01" "ff"), {"requested": None}),
    Good("RFC 2132 9.1: option 50 of five bytes counts as absent", frame(
        "350103" "32050a4d010500" "ff"), {"requested": None}),
    Good("RFC 2132 9.1: option 50 of 0.0.0.0 is there", frame("350103" "320400000000" "ff"),
         {"requested": 0}),
    Good("RFC 2132 9.2: option 51, infinite", frame("350101" "3304ffffffff" "ff"),
         {"lease_time_s": 0xFFFFFFFF}),
    Good("RFC 2132 9.2: option 51 of two bytes counts as absent", frame(
        "350101" "33020e10" "ff"), {"lease_time_s": None}),
    Good("RFC 2132 9.7: option 54 of no bytes counts as absent", frame("350103" "3600" "ff"),
         {"server_id": None}),
    Good("RFC 2132 9.8: option 55 of no bytes counts as absent", frame("350101" "3700" "ff"),
         {"parameter_list": None}),
    Good("RFC 2132 9.10: option 57 of 1500", frame("350101" "390205dc" "ff"),
         {"max_size": 1500}),
    Good("RFC 2132 9.10: option 57 under 576 counts as absent", frame("350101" "3902023f" "ff"),
         {"max_size": 0}),
    Good("RFC 2132 9.10: option 57 of one byte counts as absent", frame("350101" "3901ff" "ff"),
         {"max_size": 0}),
    Good("RFC 2132 3.14: option 12 of no bytes counts as absent", frame("350101" "0c00" "ff"),
         {"hostname": None}),
    Good("RFC 4039 4: option 80 has no bytes", frame("350101" "5000" "ff"),
         {"rapid_commit": True}),
    Good("RFC 3004 4: user class, untouched", frame("350101" "4d04" "03616263" "ff"),
         {"user_class": b"\3abc"}),
    Good("RFC 4578 2.1: client architecture", frame("350101" "5d020007" "ff"),
         {"architecture": b"\0\7"}),
    Good("RFC 4702 2.1: option 81 with reserved bits, untouched", frame(
        "350101" "5104" "f1000061" "ff"), {"fqdn": b"\xf1\0\0a"}),
    Good("RFC 3046 2.2: option 82 without giaddr", frame("350101" "5203" "010161" "ff"),
         {"giaddr": 0, "relay_info": b"\1\1a", "circuit_id": b"a"}),
    Good("RFC 3046 2.0: option 82 of no bytes is there, to be echoed", frame("350101" "5200" "ff"),
         {"relay_info": b"", "circuit_id": None, "remote_id": None}),
    Good("RFC 3046 2.0: a sub-option past the end costs itself only", frame(
        "350101" "5206" "010161" "020561" "ff"),
         {"relay_info": b"\1\1a\2\5a", "circuit_id": b"a", "remote_id": None}),
    Good("RFC 3046 2.0: a code alone at the end", frame("350101" "5204" "010161" "02" "ff"),
         {"circuit_id": b"a", "remote_id": None}),
    Good("RFC 3046 3.1: an empty circuit id names nobody", frame(
        "350101" "5205" "0100" "020161" "ff"), {"circuit_id": None, "remote_id": b"a"}),
    Good("RFC 3046 2.0: of a repeated sub-option the first counts", frame(
        "350101" "5206" "010161" "010162" "ff"), {"circuit_id": b"a"}),
    Good("RFC 3527 3: link selection", frame("350101" "5206" "05040a580001" "ff"),
         {"link_selection": 0x0A580001}),
    Good("RFC 3527 3: link selection of three bytes counts as absent", frame(
        "350101" "5205" "05030a5800" "ff"), {"link_selection": None}),
    Good("RFC 5107 4: server identifier override", frame("350101" "5206" "0b040a580001" "ff"),
         {"server_override": 0x0A580001}),
    Good("RFC 8357 4.1: relay source port", frame("350101" "5202" "1300" "ff"),
         {"relay_port": True}),
    Good("RFC 3993 3.1: subscriber id", frame("350101" "5208" "0606" "6a2d37303131" "ff"),
         {"subscriber_id": b"j-7011"}),
    Good("RFC 3993 3.1: an empty subscriber id names nobody", frame("350101" "5202" "0600" "ff"),
         {"subscriber_id": None}),
    Good("RFC 4014 3, 4243 3, 6925 4: RADIUS attributes, vendor data and relay identifier are kept",
         frame("350101" "5213" "0705" "0105616263" "0905" "0000118b00" "0c03" "010203" "ff"),
         {"relay_info": bytes.fromhex("07050105616263" "09050000118b00" "0c03010203"),
          "circuit_id": None}),
    Good("RFC 5010 3: the client's message was unicast", frame("350101" "5203" "0a0180" "ff"),
         {"relay_unicast": True}),
    Good("RFC 5010 3: it was broadcast; reserved bits say nothing", frame(
        "350101" "5203" "0a017f" "ff"), {"relay_unicast": False}),
    Good("RFC 5010 5: of two octets of flags the first counts", frame(
        "350101" "5204" "0a028000" "ff"), {"relay_unicast": True}),
    Good("RFC 5010 5: whatever the second is", frame("350101" "5204" "0a020080" "ff"),
         {"relay_unicast": False}),
    Good("RFC 5010 3: flags of no octet say nothing", frame("350101" "5202" "0a00" "ff"),
         {"relay_unicast": None}),
    Good("RFC 3011 2: subnet selection", frame("350101" "76040a580000" "ff"),
         {"subnet_selection": 0x0A580000}),
    Good("RFC 3011 2: subnet selection of five bytes counts as absent", frame(
        "350101" "76050a58000000" "ff"), {"subnet_selection": None}),
    Good("RFC 6607 3.2, 3.3: the relay agent's VSS, and its control", frame(
        "350101" "5209" "9705" "00626c7565" "9800" "ff"),
         {"vss": b"\0blue", "vss_option": None,
          "relay_info": b"\x97\5\0blue\x98\0"}),
    Good("RFC 6607 3.2: an empty VSS says nothing", frame("350101" "5202" "9700" "ff"),
         {"vss": None}),
    Good("RFC 6607 3.1: the client's VSS", frame("350101" "dd08" "0100000100000007" "ff"),
         {"vss": None, "vss_option": bytes.fromhex("0100000100000007")}),
    Good("RFC 6607 3.1: the client's, empty", frame("350101" "dd00" "ff"), {"vss_option": None}),
    Good("RFC 7724 5.2.1: the last message type", frame("350112ff"), {"message_type": 18}),
    Good("ours: the largest message", frame("350101", size=2048), {"message_type": 1}),
]  # fmt: skip

BAD = [
    Bad("RFC 2131 2: nothing", b"", "too-short"),
    Bad("RFC 2131 2: one byte", b"\1", "too-short"),
    Bad("RFC 2131 2: twenty bytes", bytes(20), "too-short"),
    Bad("RFC 2131 2: one byte less than the header", frame(cookie="")[:235], "too-short"),
    Bad("ours: longer than a packet's buffer", frame("350101", size=2049), "too-long"),
    Bad("RFC 2131 2: op 0", frame("350101ff", op=0), "not-request"),
    Bad("RFC 2131 2: op 3", frame("350101ff", op=3), "not-request"),
    Bad("RFC 2131 2: hlen 17", frame("350101ff", hlen=17), "bad-hlen"),
    Bad("RFC 2131 2: hlen 255", frame("350101ff", hlen=255), "bad-hlen"),
    Bad("RFC 2131 3: another cookie", frame("350101ff", cookie="63825364"), "bad-cookie"),
    Bad("RFC 951 3: a vend field with an owner of its own", frame(cookie="434d5500"),
        "bad-cookie"),
    Bad("RFC 951 3: one byte in the vend field's end", frame(cookie="", size=299) + b"\1",
        "bad-cookie"),
    Bad("RFC 2131 3: half a cookie", frame(cookie="6382"), "bad-cookie"),
    Bad("RFC 2132 2: length past the end", frame("350101" "0c0561"), "bad-options"),
    Bad("RFC 2132 2: length of 255 past the end", frame("3dff00"), "bad-options"),
    Bad("RFC 2132 2: a code without a length", frame("350101" "0c"), "bad-options"),
    Bad("RFC 2132 2: a code that nobody looks at, past the end", frame("350101" "e00261"),
        "bad-options"),
    Bad("RFC 2132 9.3: an option past the end of file", frame(
        "350101" "340101" "ff", file="e07d" + "00" * 125 + "0c"), "bad-options"),
    Bad("RFC 2132 9.3: an option past the end of sname into file", frame(
        "350101" "340102" "ff", sname="0c3f61"), "bad-options"),
    Bad("RFC 2132 9.3: overload 0", frame("350101" "340100" "ff"), "bad-overload"),
    Bad("RFC 2132 9.3: overload 4", frame("350101" "340104" "ff"), "bad-overload"),
    Bad("RFC 2132 9.3: overload of no bytes", frame("350101" "3400" "ff"), "bad-overload"),
    Bad("RFC 2132 9.3: overload of two bytes", frame("350101" "34020101" "ff"), "bad-overload"),
    Bad("RFC 2132 9.3: overload twice", frame("350101" "340101" "340101" "ff"), "bad-overload"),
    Bad("RFC 2132 9.6: type 0", frame("350100ff"), "bad-message-type"),
    Bad("RFC 7724 5.2.1: type 19", frame("350113ff"), "bad-message-type"),
    Bad("RFC 2132 9.6: type of no bytes", frame("3500ff"), "bad-message-type"),
    Bad("RFC 2132 9.6: type of two bytes", frame("35020103ff"), "bad-message-type"),
    Bad("RFC 3396 7: two types are one of two bytes", frame("350101" "350103" "ff"),
        "bad-message-type"),
]  # fmt: skip
