"""UDP datagrams as they stand on an Ethernet link, for stations that have no address yet."""

import contextlib
import socket
import struct
from typing import NamedTuple

from fastdhcp.bpf import RET_K, SO_ATTACH_FILTER, Instruction, Program, attach

BROADCAST = b"\xff" * 6
ETH_P_IP = 0x0800
ETH_P_ALL = 0x0003
TTL = 64

# linux/bpf_common.h: what this filter needs beyond fastdhcp.bpf's.
_LD_W_IND, _LD_H_ABS, _LD_H_IND, _LD_B_ABS = 0x40, 0x28, 0x48, 0x30
_LDX_MSH, _JSET, _JEQ = 0xB1, 0x45, 0x15

# linux/if_packet.h
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_MR_PROMISC = 1
PACKET_MR_UNICAST = 3


class Datagram(NamedTuple):
    """A UDP datagram over IPv4; addresses are dotted text."""

    source: tuple[str, int]
    target: tuple[str, int]
    payload: bytes


def frame(
    payload: bytes,
    source: tuple[str, int],
    target: tuple[str, int],
    ether_source: bytes,
    ether_target: bytes = BROADCAST,
) -> bytes:
    """An Ethernet frame with IPv4 and UDP header, both checksums right (RFC 768, RFC 791)."""
    addresses = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
    size = 8 + len(payload)
    udp = struct.pack("!HHHH", source[1], target[1], size, 0) + payload
    pseudo = addresses + struct.pack("!HH", socket.IPPROTO_UDP, size)
    # A sum of zero is sent as all ones: zero says "no checksum" (RFC 768).
    udp = udp[:6] + (checksum(pseudo + udp) or 0xFFFF).to_bytes(2) + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0x10, 20 + size, 0, 0, TTL, socket.IPPROTO_UDP, 0)
    head = head[:10] + checksum(head + addresses).to_bytes(2) + addresses
    return ether_target + ether_source + ETH_P_IP.to_bytes(2) + head + udp


def read(data: bytes) -> Datagram | None:
    """The datagram in an IPv4 packet; None for a fragment, another protocol or wrong lengths.

    Checksums are left alone: on a virtual link the kernel has often not filled them in yet.
    """
    if len(data) < 28 or data[0] >> 4 != 4 or data[9] != socket.IPPROTO_UDP:
        return None
    at = (data[0] & 15) * 4
    if at < 20 or len(data) < at + 8 or int.from_bytes(data[6:8]) & 0x3FFF:
        return None
    source_port, target_port, size = struct.unpack_from("!HHH", data, at)
    if size < 8 or len(data) < at + size:
        return None
    source, target = socket.inet_ntoa(data[12:16]), socket.inet_ntoa(data[16:20])
    return Datagram((source, source_port), (target, target_port), data[at + 8 : at + size])


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    words = struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2))
    total: int = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def answers_filter(port: int, xid: int | None = None) -> Program:
    """Keeps unfragmented UDP datagrams to `port`, those of one xid if it is given.

    It sees the packet from the IP header (a packet socket of kind SOCK_DGRAM). The kernel then
    wakes us for our own answers alone, however busy the link is.
    """
    checks = [
        (Instruction(_LD_B_ABS, 0, 0, 9), Instruction(_JEQ, 0, 1, socket.IPPROTO_UDP)),
        (Instruction(_LD_H_ABS, 0, 0, 6), Instruction(_JSET, 1, 0, 0x3FFF)),
        (Instruction(_LDX_MSH, 0, 0, 0),),
        (Instruction(_LD_H_IND, 0, 0, 2), Instruction(_JEQ, 0, 1, port)),
    ]
    if xid is not None:
        checks.append((Instruction(_LD_W_IND, 0, 0, 12), Instruction(_JEQ, 0, 1, xid)))
    body = [instruction for check in checks for instruction in check]
    program = []
    for at, (code, jt, jf, k) in enumerate(body):
        refuse = len(body) - at  # from here to the last instruction, past "accept"
        jt, jf = (refuse if jt else 0), (refuse if jf else 0)
        program.append(Instruction(code, jt, jf, k))
    return (*program, Instruction(RET_K, 0, 0, 0xFFFF), Instruction(RET_K, 0, 0, 0))


def open_answers(interface: str | None, port: int, xid: int | None) -> socket.socket:
    """A packet socket that receives the datagrams of `answers_filter`, and nothing else.

    On one interface it sees frames to other stations and to members of a bridge too; without, it
    sees what comes in anywhere. Raises OSError; PermissionError without CAP_NET_RAW.
    """
    # A protocol given here means every interface; on one, none until the filter stands.
    protocol = 0 if interface else socket.htons(ETH_P_IP)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, protocol)
    try:
        attach(sock, SO_ATTACH_FILTER, answers_filter(port, xid))
        if interface:
            sock.bind((interface, ETH_P_ALL))
        else:
            _drain(sock)
    except OSError:
        sock.close()
        raise
    return sock


def _drain(sock: socket.socket) -> None:
    """Throw away what came in before the filter stood."""
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.recv(1, socket.MSG_DONTWAIT)


def open_sender(interface: str) -> socket.socket:
    """A packet socket that sends whole frames. Raises OSError as `open_answers` does."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    try:
        sock.bind((interface, 0))
    except OSError:
        sock.close()
        raise
    return sock


def listen_for(sock: socket.socket, interface: str, hw_address: bytes) -> None:
    """Have the interface take frames to `hw_address` for as long as the socket lives.

    Raises OSError if it can neither take a second address nor everything (promiscuous).
    """
    index = socket.if_nametoindex(interface)
    for kind in (PACKET_MR_UNICAST, PACKET_MR_PROMISC):
        request = struct.pack("iHH8s", index, kind, 6, hw_address)
        try:
            sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, request)
            return
        except OSError:
            if kind == PACKET_MR_PROMISC:
                raise
