"""The steering programs against their plain twin, by a twenty-line classic BPF machine."""

import socket
from ipaddress import IPv4Address

import pytest

from fastdhcp import bpf

COUNTS = (1, 2, 3, 4, 6, 16, 48, 1024)


BROADCAST = "255.255.255.255"


def run(program: bpf.Program, seen: bytes, destination: str = BROADCAST) -> int:
    """What the kernel's classic BPF would return; a load past the end returns 0."""
    accumulator = at = 0
    while True:
        code, jt, jf, k = program[at]
        at += 1
        match code:
            case bpf.LD_W_LEN:
                accumulator = len(seen)
            case bpf.LD_IMM:
                accumulator = k
            case bpf.LD_W_ABS if k == bpf.DESTINATION_OFFSET:
                accumulator = int(IPv4Address(destination))
            case bpf.LD_W_ABS:
                if k + 4 > len(seen):
                    return 0
                accumulator = int.from_bytes(seen[k : k + 4], "big")
            case bpf.JMP_JA:
                at += k
            case bpf.JMP_JGE_K:
                at += jt if accumulator >= k else jf
            case bpf.JMP_JEQ_K:
                at += jt if accumulator == k else jf
            case bpf.ALU_MUL_K:
                accumulator = accumulator * k & 0xFFFFFFFF
            case bpf.ALU_AND_K:
                accumulator &= k
            case bpf.ALU_RSH_K:
                accumulator >>= k
            case bpf.RET_K:
                return k
            case bpf.RET_A:
                return accumulator


def payload(chaddr: bytes, size: int = 300) -> bytes:
    return (bytes(bpf.CHADDR_OFFSET) + chaddr.ljust(16, b"\0")).ljust(size, b"\0")[:size]


def chaddrs(count: int) -> list[bytes]:
    return [b"\x02\x00" + (n * 2654435769 % 2**32).to_bytes(4, "big") for n in range(count)]


@pytest.mark.parametrize("count", COUNTS)
def test_both_programs_agree_with_the_twin(count: int) -> None:
    for chaddr in chaddrs(100):
        index = bpf.steer(chaddr, count)
        assert run(bpf.select_program(count), payload(chaddr)) == index
        datagram = bytes(bpf.UDP_HEADER_SIZE) + payload(chaddr)
        accepted = [i for i in range(count) if run(bpf.filter_program(i, count), datagram)]
        assert accepted == [index]


@pytest.mark.parametrize(
    ("destination", "is_copied"),
    [
        ("255.255.255.255", True),
        ("10.77.3.255", True),
        ("192.0.2.3", True),  # the broadcast address of 192.0.2.0/30, maybe
        ("224.0.0.1", True),
        ("10.77.0.1", False),
        ("223.255.255.254", False),
    ],
)
def test_only_what_the_kernel_may_copy_goes_by_the_hash(destination: str, is_copied: bool) -> None:
    datagram = bytes(bpf.UDP_HEADER_SIZE) + payload(chaddrs(1)[0])
    takers = [i for i in range(4) if run(bpf.filter_program(i, 4), datagram, destination)]
    assert takers == ([bpf.steer(chaddrs(1)[0], 4)] if is_copied else [0, 1, 2, 3])


@pytest.mark.parametrize("size", [0, 1, 20, 28, bpf.STEERED_SIZE_MIN - 1])
def test_a_packet_too_short_for_chaddr_is_number_0s(size: int) -> None:
    short = payload(b"\xff" * 16, size)
    assert run(bpf.select_program(4), short) == 0
    datagram = bytes(bpf.UDP_HEADER_SIZE) + short
    assert [run(bpf.filter_program(i, 4), datagram) for i in range(4)] == [bpf.ACCEPT, 0, 0, 0]


def test_the_shortest_packet_with_a_chaddr_is_steered_by_it() -> None:
    chaddr = next(c for c in chaddrs(100) if bpf.steer(c, 4) == 3)
    assert run(bpf.select_program(4), payload(chaddr, bpf.STEERED_SIZE_MIN)) == 3


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("serial numbers of one maker", range(20_000)),
        ("every 256th", range(0, 256 * 20_000, 256)),
        ("only octets 2 and 3 differ", range(0, 2**32, 2**32 // 20_000 & ~0xFFFF)),
        ("only octet 2 differs", range(0, 2**32, 2**24)),
        ("a little-endian counter", [int.from_bytes(n.to_bytes(4, "little")) for n in range(9999)]),
    ],
)
@pytest.mark.parametrize("count", [2, 3, 4, 8, 16])
def test_neighbouring_addresses_spread(pattern: str, words: "range", count: int) -> None:
    loads = [0] * count
    for word in words:
        loads[bpf.steer(b"\x02\x00" + word.to_bytes(4, "big"), count)] += 1
    even = len(words) / count
    assert all(0.8 * even <= load <= 1.2 * even for load in loads), (pattern, loads)


@pytest.mark.parametrize(("index", "count"), [(-1, 2), (2, 2), (0, 0), (0, 1025)])
def test_attach_refuses_what_is_out_of_range(index: int, count: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, pytest.raises(ValueError):
        bpf.attach_steering(sock, index, count)


def test_the_kernel_takes_both_programs_and_steers_by_them() -> None:
    """On loopback: eight sockets, each packet at the socket that the twin names."""
    group = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(8)]
    port = 0
    for index, sock in enumerate(group):
        bpf.attach_steering(sock, index, len(group))
        sock.bind(("127.0.0.1", port))
        sock.settimeout(5)
        port = sock.getsockname()[1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for chaddr in chaddrs(64):
            sender.sendto(payload(chaddr), ("127.0.0.1", port))
            assert group[bpf.steer(chaddr, 8)].recv(512) == payload(chaddr)
    for sock in group:
        sock.close()
