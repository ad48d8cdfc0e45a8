"""Steering: which worker's socket a DHCP packet goes to, as two classic BPF programs.

SO_REUSEPORT alone fails for DHCP. A relay agent is one source address and port, so the kernel's
own hash sends all of it to one socket; a packet to 255.255.255.255 is *copied* to every socket of
the group, so N workers would make N OFFERs. Both are cured by one hash over ``chaddr``:

* ``SO_ATTACH_REUSEPORT_CBPF``, once for the group, returns the index of the socket that gets a
  unicast packet. It sees the UDP payload from offset 0. Sockets are numbered in the order in which
  they bind.
* ``SO_ATTACH_FILTER``, on each socket, accepts a packet that was copied to all only if the hash
  names this very socket. It sees the packet from the UDP header, so the payload starts at 8. What
  is plainly unicast it takes as it comes: a train of packets (UDP_SEGMENT over a virtual link) is
  steered as one, by its first, but filtered one by one, and the others would be lost.

With both, every packet arrives exactly once and a client always at the same worker. Steering is
locality, never correctness: any worker can serve any packet.

The kernel counts what a filter refuses as drops in SO_RXQ_OVFL and /proc/net/udp, but not in the
namespace's Udp RcvbufErrors: only the latter says that a receive buffer was full.
"""

import ctypes
import socket
import struct
from typing import NamedTuple

from fastdhcp._leases import WORKERS_MAX

CHADDR_OFFSET = 28
"""Of chaddr in a BOOTP message (RFC 2131 section 2)."""
HASHED_OFFSET = CHADDR_OFFSET + 2
"""chaddr bytes 2-5: of an Ethernet address, the half that differs within one maker's devices."""
STEERED_SIZE_MIN = HASHED_OFFSET + 4
"""Octets of payload below which there is no chaddr to look at: such a packet goes to index 0,
where it is counted as malformed instead of being lost in a filter."""
UDP_HEADER_SIZE = 8

DESTINATION_OFFSET = 0xFFF00000 + 16
"""Of the destination in the IP header: linux/filter.h SKF_NET_OFF, and 16."""
MULTICAST_MIN = 0xE0000000
BROADCAST_BITS = 3
"""The low bits that any broadcast address has: no prefix longer than 30 has one (RFC 3021)."""

MULTIPLIER = 0x9E3779B1
"""Odd, 2^32 over the golden ratio: neighbouring addresses land far apart."""

# Linux, asm-generic/socket.h; the socket module does not have them.
SO_ATTACH_FILTER = 26
SO_ATTACH_REUSEPORT_CBPF = 51

# linux/bpf_common.h, as far as it is used here.
LD_W_LEN = 0x80  # A = length of what the program sees
LD_W_ABS = 0x20  # A = big-endian 32 bits at offset k
LD_IMM = 0x00  # A = k
JMP_JA = 0x05  # skip k instructions
JMP_JEQ_K = 0x15
JMP_JGE_K = 0x35
ALU_AND_K = 0x54
ALU_MUL_K = 0x24
ALU_RSH_K = 0x74
RET_K = 0x06
RET_A = 0x16

ACCEPT = 0xFFFFFFFF  # a filter returns how many octets of the packet to keep
DROP = 0


class Instruction(NamedTuple):
    """One ``struct sock_filter``: on a jump, skip ``jt`` instructions if true, ``jf`` if not."""

    code: int
    jt: int
    jf: int
    k: int


Program = tuple[Instruction, ...]


def _hash(payload_at: int, count: int) -> Program:
    """A = index of the worker, for a packet whose UDP payload starts at ``payload_at``.

    The product's high 16 bits, scaled to [0, count): the scaling takes the best-mixed bits, which
    a remainder by a power of two would throw away.
    """
    return (
        Instruction(LD_W_LEN, 0, 0, 0),
        Instruction(JMP_JGE_K, 2, 0, payload_at + STEERED_SIZE_MIN),
        Instruction(LD_IMM, 0, 0, 0),
        Instruction(JMP_JA, 0, 0, 5),  # too short for chaddr: index 0, past the hash
        Instruction(LD_W_ABS, 0, 0, payload_at + HASHED_OFFSET),
        Instruction(ALU_MUL_K, 0, 0, MULTIPLIER),
        Instruction(ALU_RSH_K, 0, 0, 16),
        Instruction(ALU_MUL_K, 0, 0, count),
        Instruction(ALU_RSH_K, 0, 0, 16),
    )


def select_program(count: int) -> Program:
    """For SO_ATTACH_REUSEPORT_CBPF: returns the index of the socket, of ``count``."""
    return (*_hash(0, count), Instruction(RET_A, 0, 0, 0))


def filter_program(index: int, count: int) -> Program:
    """For SO_ATTACH_FILTER on the socket ``index``, of ``count``: keeps what is its own.

    Unicast was given to this socket alone. What may be broadcast or multicast goes by the hash: the
    kernel gives it to all. (So does unicast to an address that ends like a broadcast address.)
    """
    return (
        Instruction(LD_W_ABS, 0, 0, DESTINATION_OFFSET),
        Instruction(JMP_JGE_K, 3, 0, MULTICAST_MIN),
        Instruction(ALU_AND_K, 0, 0, BROADCAST_BITS),
        Instruction(JMP_JEQ_K, 1, 0, BROADCAST_BITS),
        Instruction(RET_K, 0, 0, ACCEPT),
        *_hash(UDP_HEADER_SIZE, count),
        Instruction(JMP_JEQ_K, 0, 1, index),
        Instruction(RET_K, 0, 0, ACCEPT),
        Instruction(RET_K, 0, 0, DROP),
    )


def steer(chaddr: bytes, count: int) -> int:
    """The index of the worker, of ``count``, that serves ``chaddr``: the programs' plain twin.

    ``chaddr`` is the header field from its start; octets 2-5 are hashed, so at least six are
    wanted (a shorter hardware address is padded with zeros in the field, RFC 951).
    """
    word = int.from_bytes(chaddr.ljust(6, b"\0")[2:6], "big")
    return ((word * MULTIPLIER & 0xFFFFFFFF) >> 16) * count >> 16


def attach_steering(sock: socket.socket, index: int, count: int) -> None:
    """Make ``sock`` the number ``index`` of ``count`` sockets that share a port.

    To be called on each before it is bound, and the sockets are then to be bound in the order of
    their indices: so none ever holds a packet that is another's. Needs no privilege.

    Raises ValueError if ``index`` or ``count`` is out of range, OSError if the kernel refuses.
    """
    if not 1 <= count <= WORKERS_MAX or not 0 <= index < count:
        raise ValueError(f"socket {index} of {count}: count is 1 to {WORKERS_MAX}, index below it")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if count == 1:
        return
    if index == 0:
        attach(sock, SO_ATTACH_REUSEPORT_CBPF, select_program(count))
    attach(sock, SO_ATTACH_FILTER, filter_program(index, count))


def packed(program: Program) -> bytes:
    """The program as an array of ``struct sock_filter``."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def attach(sock: socket.socket, option: int, program: Program) -> None:
    """Give the socket a program, by SO_ATTACH_FILTER or another option of its kind.

    Raises OSError if the kernel refuses it.
    """
    code = ctypes.create_string_buffer(packed(program))
    sock_fprog = struct.pack("@HP", len(program), ctypes.addressof(code))
    sock.setsockopt(socket.SOL_SOCKET, option, sock_fprog)
