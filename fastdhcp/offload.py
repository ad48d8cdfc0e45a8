"""What network interfaces do with trains: many UDP messages that the kernel carries as one.

A device that says tx-udp-segmentation takes a train whole. Hardware cuts it before the wire; what
only hands packets over in memory (veth, tap, virtio) does not, and a packet socket at the other
end, as DHCP clients and relay agents have them, reads one long frame. Asked by ethtool's ioctl.
"""

import ctypes
import fcntl
import functools
import socket
import struct

SIOCETHTOOL = 0x8946
ETHTOOL_GDRVINFO = 0x03
ETHTOOL_GSTRINGS = 0x1B
ETHTOOL_GSSET_INFO = 0x37
ETHTOOL_GFEATURES = 0x3A
ETH_SS_FEATURES = 4
STRING_SIZE = 32
FEATURE_BLOCK = struct.Struct("=4I")
"""Available, requested, active, never changed: 32 features."""
DRIVER = struct.Struct("=I32s32s32s32s64x")
"""struct ethtool_drvinfo: command, driver, version, firmware, bus, and what nobody needs here."""
IFREQ = struct.Struct("@16sP16x")
FEATURE = b"tx-udp-segmentation"

HANDS_OVER = frozenset({b"virtio_net", b"vif", b"vmxnet3", b"hv_netvsc"})
"""Drivers with a bus whose other end is another machine's memory."""


def cuts(sock: socket.socket, name: bytes) -> bool:
    """Whether a train that leaves by this interface is cut: by the kernel before the device, or by
    hardware. False, too, if nobody can tell. `sock`: any of the network namespace."""
    try:
        place = _feature(sock, name)
        return place is not None and (not _has(sock, name, place) or _is_hardware(sock, name))
    except OSError:  # as drivers please: of a link that is down, that is gone, that knows no such
        return False


def _ask(sock: socket.socket, name: bytes, request: bytearray) -> None:
    """The answer stands in `request`. Raises OSError."""
    place = ctypes.addressof(ctypes.c_char.from_buffer(request))
    fcntl.ioctl(sock, SIOCETHTOOL, IFREQ.pack(name, place))


def _feature(sock: socket.socket, name: bytes) -> int | None:
    """The place of the feature in the kernel's list; None: it is older than that."""
    names = _features(sock, name)
    return names.index(FEATURE) if FEATURE in names else None


@functools.cache
def _names(text: bytes) -> tuple[bytes, ...]:
    words = range(0, len(text), STRING_SIZE)
    return tuple(text[at : at + STRING_SIZE].rstrip(b"\0") for at in words)


def _features(sock: socket.socket, name: bytes) -> tuple[bytes, ...]:
    asked = bytearray(struct.pack("=IIQI", ETHTOOL_GSSET_INFO, 0, 1 << ETH_SS_FEATURES, 0))
    _ask(sock, name, asked)
    (count,) = struct.unpack_from("=I", asked, 16)
    head = struct.pack("=III", ETHTOOL_GSTRINGS, ETH_SS_FEATURES, count)
    strings = bytearray(head + bytes(count * STRING_SIZE))
    _ask(sock, name, strings)
    return _names(bytes(strings[len(head) :]))


def _has(sock: socket.socket, name: bytes, place: int) -> bool:
    blocks = place // 32 + 1
    head = struct.pack("=II", ETHTOOL_GFEATURES, blocks)
    asked = bytearray(head + bytes(blocks * FEATURE_BLOCK.size))
    _ask(sock, name, asked)
    _, _, active, _ = FEATURE_BLOCK.unpack_from(asked, len(head) + place // 32 * FEATURE_BLOCK.size)
    return bool(active >> place % 32 & 1)


def _is_hardware(sock: socket.socket, name: bytes) -> bool:
    """By its driver and its bus: those without hardware name none."""
    asked = bytearray(DRIVER.pack(ETHTOOL_GDRVINFO, b"", b"", b"", b""))
    _ask(sock, name, asked)
    _, driver, _, _, bus = (
        part.rstrip(b"\0") if isinstance(part, bytes) else part for part in DRIVER.unpack(asked)
    )
    return b":" in bus and driver not in HANDS_OVER
