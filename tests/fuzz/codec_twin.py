"""The decoder once more, slow and plain, written from the RFCs: the witness for the one in C."""

from fastdhcp.packet import DecodeError, Packet

COOKIE = b"\x63\x82\x53\x63"
SIZE_MAX = 2048


def split_area(area: bytes) -> list[tuple[int, bytes]]:
    """RFC 2132 2: code, length, value; 0 is a pad, 255 ends."""
    found = []
    while area and area[0] != 255:
        if area[0] == 0:
            area = area[1:]
            continue
        if len(area) == 1 or len(area) < 2 + area[1]:
            raise DecodeError("bad-options")
        found.append((area[0], area[2 : 2 + area[1]]))
        area = area[2 + area[1] :]
    return found


def overload_of(options: list[tuple[int, bytes]]) -> int:
    """RFC 2132 9.3: 0 without option 52."""
    values = [value for code, value in options if code == 52]
    if not values:
        return 0
    if len(values) > 1 or values[0] not in (b"\1", b"\2", b"\3"):
        raise DecodeError("bad-overload")
    return values[0][0]


def join(options: list[tuple[int, bytes]]) -> dict[int, bytes]:
    """RFC 3396 7."""
    joined: dict[int, bytes] = {}
    for code, value in options:
        joined[code] = joined.get(code, b"") + value
    return joined


def read_options(data: bytes) -> tuple[dict[int, bytes], int]:
    """All options of a message, joined, and the value of option 52."""
    if data[236:240] != COOKIE:
        if any(data[236:300]):
            raise DecodeError("bad-cookie")
        return {}, 0
    options = split_area(data[240:])
    overload = overload_of(options)
    if overload & 1:
        options += split_area(data[108:236])
    if overload & 2:
        options += split_area(data[44:108])
    joined = join(options)
    kind = joined.get(53)
    if kind is not None and (len(kind) != 1 or not 1 <= kind[0] <= 18):
        raise DecodeError("bad-message-type")
    return joined, overload


def check_frame(data: bytes, ops: tuple[int, ...]) -> None:
    if len(data) < 236:
        raise DecodeError("too-short")
    if len(data) > SIZE_MAX:
        raise DecodeError("too-long")
    if data[0] not in ops:
        raise DecodeError("not-request")
    if data[2] > 16:
        raise DecodeError("bad-hlen")


def dotted(four: bytes) -> str:
    return ".".join(map(str, four))


def twin_decode(data: bytes) -> Packet:
    """What `decode` must say."""
    check_frame(data, (1, 2))
    options, overload = read_options(data)
    return Packet(
        op=data[0],
        htype=data[1],
        hlen=data[2],
        hops=data[3],
        xid=int.from_bytes(data[4:8]),
        secs=int.from_bytes(data[8:10]),
        flags=int.from_bytes(data[10:12]),
        ciaddr=dotted(data[12:16]),
        yiaddr=dotted(data[16:20]),
        siaddr=dotted(data[20:24]),
        giaddr=dotted(data[24:28]),
        chaddr=data[28 : 28 + data[2]],
        sname=b"" if overload & 2 else data[44:108].split(b"\0")[0],
        file=b"" if overload & 1 else data[108:236].split(b"\0")[0],
        message_type=options[53][0] if 53 in options else None,
        options=options,
    )


def split_relay_info(info: bytes) -> dict[int, bytes]:
    """RFC 3046 2.0: up to the first sub-option that runs past the end; of repeats the first that is
    not empty."""
    found: dict[int, bytes] = {}
    while len(info) >= 2 and len(info) >= 2 + info[1]:
        code, value = info[0], info[2 : 2 + info[1]]
        found[code] = found.get(code) or value
        info = info[2 + len(value) :]
    return found


def number(value: bytes | None) -> int | None:
    return None if value is None or len(value) != 4 else int.from_bytes(value)


def said_unicast(flags: bytes | None) -> bool | None:
    """RFC 5010 3; 5: of more than one octet the first counts."""
    return flags[0] >= 0x80 if flags else None


def twin_decode_request(data: bytes) -> dict[str, object]:
    """What `decode_request` must say."""
    check_frame(data, (1,))
    options, _overload = read_options(data)
    relay = split_relay_info(options.get(82, b""))
    size = options.get(57, b"")
    client_id = options.get(61, b"")
    return {
        "op": data[0],
        "htype": data[1],
        "hlen": data[2],
        "hops": data[3],
        "xid": int.from_bytes(data[4:8]),
        "secs": int.from_bytes(data[8:10]),
        "flags": int.from_bytes(data[10:12]),
        "ciaddr": int.from_bytes(data[12:16]),
        "yiaddr": int.from_bytes(data[16:20]),
        "siaddr": int.from_bytes(data[20:24]),
        "giaddr": int.from_bytes(data[24:28]),
        "chaddr": data[28:44],
        "message_type": options.get(53, b"\0")[0],
        "max_size": int.from_bytes(size) if len(size) == 2 and size >= b"\x02\x40" else 0,
        "requested": number(options.get(50)),
        "server_id": number(options.get(54)),
        "lease_time_s": number(options.get(51)),
        "link_selection": number(relay.get(5)),
        "server_override": number(relay.get(11)),
        "subnet_selection": number(options.get(118)),
        "vss": relay.get(151) or None,
        "vss_option": options.get(221) or None,
        "relay_unicast": said_unicast(relay.get(10)),
        "subscriber_id": relay.get(6) or None,
        "rapid_commit": 80 in options,
        "relay_port": 19 in relay,
        "client_id": client_id if 2 <= len(client_id) <= 255 else None,
        "relay_info": options.get(82),
        "circuit_id": relay.get(1) or None,
        "remote_id": relay.get(2) or None,
        "parameter_list": options.get(55) or None,
        "hostname": options.get(12, b"").rstrip(b"\0") or None,
        "fqdn": options[81] if len(options.get(81, b"")) >= 3 else None,
        "vendor_class": options.get(60) or None,
        "user_class": options.get(77) or None,
        "architecture": options.get(93) or None,
    }
