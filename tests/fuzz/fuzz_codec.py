"""Hostile and mutated messages for the codec, held against the plain twin.

    python -m tests.fuzz.fuzz_codec --count 100000 --seed 1

With the sanitizer build, from the top of the tree:

    FASTDHCP_SANITIZE=1 python setup.py build_ext --inplace --force
    LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" \\
        ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc python -m tests.fuzz.fuzz_codec

PYTHONMALLOC gives each message an allocation of its own, so that a read past its end shows.
"""

import argparse
import random
from collections import Counter
from collections.abc import Callable, Iterator

from fastdhcp._codec import decode, decode_request, encode
from fastdhcp.packet import DecodeError, EncodeError
from tests.fuzz.codec_twin import twin_decode, twin_decode_request
from tests.unit.packets import BAD, GOOD, frame

SEEDS = [case.data for case in (*GOOD, *BAD)]
CODES = (0, 1, 12, 43, 50, 51, 52, 53, 54, 55, 57, 60, 61, 77, 80, 81, 82, 93, 224, 255)
EDGES = (0, 1, 2, 3, 4, 5, 16, 17, 63, 64, 127, 128, 254, 255)
SIZE_MAX = 2200


def random_option(rng: random.Random) -> bytes:
    """Mostly of the length that its value has, and mostly one that the decoder looks at."""
    code = rng.choice(CODES) if rng.random() < 0.9 else rng.randrange(256)
    if code in (0, 255) and rng.random() < 0.8:
        return bytes([code])
    if code == 52:
        return bytes([52, 1, rng.randrange(5)])
    if code == 53:
        return bytes([53, 1, rng.randrange(20)])
    size = rng.choice((0, 1, 2, 4, 4, 4, 7, 16, rng.randrange(256)))
    value = rng.randbytes(size)
    if code == 82:
        value = b"".join(random_sub_option(rng) for _ in range(rng.randrange(4)))[:255]
    told = len(value) if rng.random() < 0.97 else rng.choice(EDGES)
    return bytes([code, told]) + value


def random_sub_option(rng: random.Random) -> bytes:
    value = rng.randbytes(rng.choice((0, 1, 4, 4, 6)))
    told = len(value) if rng.random() < 0.9 else rng.choice(EDGES)
    return bytes([rng.choice((1, 2, 5, 6, 11, 19, 151)), told]) + value


def random_area(rng: random.Random, size_max: int) -> bytes:
    return b"".join(random_option(rng) for _ in range(rng.randrange(9)))[:size_max]


def structured(rng: random.Random) -> bytes:
    """A good header, three areas of random options, at times cut."""
    data = frame(
        random_area(rng, 1900).hex(),
        op=rng.choice((1, 1, 1, 1, 1, 1, 2, rng.randrange(256))),
        hlen=rng.choice((0, 6, 6, 6, 16, rng.randrange(20))),
        giaddr=rng.randbytes(4).hex(),
        sname=random_area(rng, 64).hex(),
        file=random_area(rng, 128).hex(),
    )
    return data[: rng.randrange(len(data))] if rng.random() < 0.05 else data


def mutated(rng: random.Random) -> bytes:
    """One of the table's messages with bytes changed, cut out, doubled, or cut short."""
    data = bytearray(rng.choice(SEEDS))
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(data) + 1)
        if rng.random() < 0.7:
            at = min(len(data), 236 + rng.randrange(24))
        kind = rng.randrange(5)
        if kind == 0 and at < len(data):
            data[at] = rng.choice(EDGES)
        elif kind == 1 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del data[at : at + rng.randrange(1, 9)]
        elif kind == 3:
            data[at:at] = data[at : at + rng.randrange(1, 40)]
        else:
            data[at:at] = random_option(rng)
    return bytes(data[: rng.randrange(len(data) + 1)] if rng.random() < 0.1 else data)


def noise(rng: random.Random) -> bytes:
    return rng.randbytes(rng.choice((rng.randrange(300), rng.randrange(SIZE_MAX))))


def messages(seed: int, count: int) -> Iterator[bytes]:
    """`count` messages, the same for the same seed; none longer than about SIZE_MAX."""
    rng = random.Random(seed)
    for _ in range(count):
        make = rng.choices((structured, mutated, noise), (45, 45, 10))[0]
        yield make(rng)


def outcome(read: Callable[[bytes], object], data: bytes) -> object:
    """What was read, or the drop reason; any other exception is a defect and passes through."""
    try:
        return read(data)
    except DecodeError as error:
        return error.reason


def check(data: bytes) -> str:
    """Both decoders say the same, and what was read can be written and read again."""
    packet = outcome(decode, data)
    assert packet == outcome(twin_decode, data), data.hex()
    request = outcome(decode_request, data)
    assert request == outcome(twin_decode_request, data), data.hex()
    if isinstance(packet, str):
        return packet
    fields = {name: getattr(packet, name) for name in packet.__slots__}
    try:
        again = decode(encode(**fields, max_size=2076))
    except EncodeError:
        return "read, too long to write"
    assert again.options.items() >= (packet.options.items() - {(52, packet.options.get(52))})
    return "read"


def main() -> None:
    arguments = argparse.ArgumentParser(description="fuzz the codec against its plain twin")
    arguments.add_argument("--count", type=int, default=100_000)
    arguments.add_argument("--seed", type=int, default=1)
    chosen = arguments.parse_args()
    seen = Counter(check(data) for data in messages(chosen.seed, chosen.count))
    print(f"seed {chosen.seed}: {chosen.count} messages", dict(seen.most_common()))


if __name__ == "__main__":
    main()
