"""Expressions and packets by the million: the compiled program against its plain twin.

    python -m tests.fuzz.fuzz_program --count 1000000 --seed 1

Half of the runs are expressions of a grammar, whose truth or value the twin says too; the others
are instructions drawn octet by octet, which must only do no harm. Under FASTDHCP_SANITIZE=1 a read
past the end ends the run. Everything is drawn from the seed.
"""

import argparse
import random
from collections import Counter
from collections.abc import Callable

from fastdhcp._codec import encode
from fastdhcp._program import LIMITS, OPS, evaluate
from fastdhcp.config import tables
from fastdhcp.config.expressions import Expression, compile_expression
from fastdhcp.config.programs import ProgramTable, program_image, small_image
from fastdhcp.config.syntax import parse
from fastdhcp.config.tables import Blob
from fastdhcp.config.tokens import ExpressionError
from tests.fuzz.program_twin import NoRoom, Said, twin_test, twin_value, twin_whole

Random = random.Random
CLASSES = ("modem", "gold", "voice")
BITS = {"modem": 0, "gold": 63, "voice": 255}
WORDS = ("docsis3.0", "PXEClient:Arch:00007", "a", "", "eth 1/1/7", "MSFT 5.0", "AbC", "x.y.z")
CODES = (12, 43, 50, 54, 55, 57, 60, 61, 77, 80, 82, 93, 97, 124, 125, 175, 224)
RELAY_CODES = (1, 2, 5, 6, 9, 151)
FUNCTIONS = ("lcase", "ucase", "addrtotext", "uint8totext", "uint16totext", "uint32totext",
             "int8totext", "int16totext", "int32totext")  # fmt: skip


# ---- expressions


def drawn_value(rng: Random, depth: int) -> str:
    """A value of the grammar."""
    make = rng.choice(SIMPLE_VALUES if depth <= 0 else SIMPLE_VALUES + MADE_VALUES)
    return make(rng, depth - 1)


def drawn_test(rng: Random, depth: int) -> str:
    """A test of the grammar."""
    make = rng.choice(SIMPLE_TESTS if depth <= 0 else SIMPLE_TESTS + JOINED_TESTS)
    return make(rng, depth - 1)


def literal(rng: Random, _: int = 0) -> str:
    octets = rng.randbytes(rng.randrange(1, 7)).hex()
    dotted = ".".join(str(rng.randrange(256)) for _ in range(4))
    return rng.choice(
        (f"'{rng.choice(WORDS)}'", f"0x{octets}", str(rng.choice((0, 1, 3, 6, 2**32 - 1))), dotted)
    )


def option(rng: Random, _: int = 0) -> str:
    code = rng.choice(CODES)
    if rng.random() < 0.2:
        return f"option[{code}].option[{rng.choice((1, 2, 175))}].hex"
    if code in (50, 54, 57, 60, 12) and rng.random() < 0.3:
        return f"option[{code}].text"
    return f"option[{code}].hex"


def relay(rng: Random, _: int = 0) -> str:
    return f"relay4[{rng.choice(RELAY_CODES)}].hex"


def vendor(rng: Random, _: int = 0) -> str:
    number = rng.choice((4491, 3561, "*"))
    return rng.choice(
        (
            f"vendor[{number}].option[{rng.choice((1, 2))}].hex",
            f"vendor-class[{number}].data[{rng.randrange(3)}]",
            f"vendor-class[{number}].data",
            "vendor.enterprise",
            "vendor-class.enterprise",
        )
    )


def header(rng: Random, _: int = 0) -> str:
    fields = ("mac", "hlen", "htype", "ciaddr", "giaddr", "yiaddr", "siaddr", "msgtype", "transid")
    return rng.choice((f"pkt4.{rng.choice(fields)}", f"pkt.{rng.choice(('src', 'dst', 'len'))}"))


def substring(rng: Random, depth: int) -> str:
    start, length = rng.randrange(-9, 10), rng.choice(("all", rng.randrange(1, 12), -3))
    return f"substring({drawn_value(rng, depth)}, {start}, {length})"


def split(rng: Random, depth: int) -> str:
    delimiters = rng.choice(("'.'", "' /'", "':'", "''", "0x00"))
    return f"split({drawn_value(rng, depth)}, {delimiters}, {rng.randrange(1, 5)})"


def concat(rng: Random, depth: int) -> str:
    left, right = drawn_value(rng, depth), drawn_value(rng, depth)
    return rng.choice((f"concat({left}, {right})", f"({left} + {right})", f"{left} + {right}"))


def hexstring(rng: Random, depth: int) -> str:
    separator = rng.choice(("''", "':'"))
    return f"hexstring({drawn_value(rng, depth)}, {separator})"


def function(rng: Random, depth: int) -> str:
    return f"{rng.choice(FUNCTIONS)}({drawn_value(rng, depth)})"


def ifelse(rng: Random, depth: int) -> str:
    return f"ifelse({drawn_test(rng, depth)}, {drawn_value(rng, depth)}, {drawn_value(rng, depth)})"


Maker = Callable[[Random, int], str]
SIMPLE_VALUES: tuple[Maker, ...] = (literal, option, option, relay, vendor, header)
MADE_VALUES: tuple[Maker, ...] = (substring, split, concat, hexstring, function, ifelse)


def exists(rng: Random, _: int = 0) -> str:
    number = rng.choice((4491, "*"))
    return rng.choice(
        (
            f"option[{rng.choice(CODES)}].exists",
            f"option[43].option[{rng.choice((1, 2))}].exists",
            f"relay4[{rng.choice(RELAY_CODES)}].exists",
            f"vendor[{number}].exists",
            f"vendor[{number}].option[1].exists",
            f"vendor-class[{number}].exists",
            "vendor.exists",
        )
    )


def member(rng: Random, _: int = 0) -> str:
    names = (*CLASSES, "known", "UNKNOWN", "bootp", "all")
    return rng.choice(("known", "unknown", *(f"member('{name}')" for name in names)))


def compare(rng: Random, depth: int) -> str:
    left, right = drawn_value(rng, depth), drawn_value(rng, depth)
    return f"{left} {rng.choice(('==', '==', '!='))} {right}"


def begins(rng: Random, _: int = 0) -> str:
    word = rng.choice([word for word in WORDS if word])
    size = rng.randrange(1, len(word) + 1)
    wanted = word[: rng.choice((size, rng.randrange(size + 1)))]
    return f"substring({option(rng)}, 0, {size}) {rng.choice(('==', '!='))} '{wanted}'"


def is_word(rng: Random, _: int = 0) -> str:
    words = rng.sample(WORDS, rng.randrange(1, 6))
    items = ", ".join(f"'{word}'" for word in words)
    value = rng.choice((option, relay))(rng)
    return rng.choice((f"{value} in ({items})", f"{value} == '{words[0]}'"))


def among(rng: Random, depth: int) -> str:
    items = ", ".join(drawn_value(rng, 0) for _ in range(rng.randrange(1, 5)))
    return f"{drawn_value(rng, depth)} in ({items})"


def joined(rng: Random, depth: int) -> str:
    word = rng.choice((" and ", " or "))
    parts = [drawn_test(rng, depth) for _ in range(rng.randrange(2, 4))]
    return word.join(rng.choice((part, f"({part})")) for part in parts)


def negated(rng: Random, depth: int) -> str:
    return f"not ({drawn_test(rng, depth)})"


SIMPLE_TESTS: tuple[Maker, ...] = (exists, member, compare, compare, among, begins, is_word)
JOINED_TESTS: tuple[Maker, ...] = (joined, joined, negated)


# ---- packets


def octets(rng: Random) -> bytes:
    return rng.choice(
        (
            rng.choice(WORDS).encode(),
            rng.randbytes(rng.choice((0, 1, 2, 4, 7, 16))),
            rng.randbytes(rng.randrange(120)),
        )
    )


def encapsulated(rng: Random, codes: tuple[int, ...]) -> bytes:
    """Sub-options, repeated, empty, now and then cut."""
    data = b""
    for _ in range(rng.randrange(5)):
        value = octets(rng)[:40]
        data += rng.choice((b"", b"", b"\0")) + bytes((rng.choice(codes), len(value))) + value
    data += rng.choice((b"", b"", b"\xff", b"\x01\x09ab"))
    return data[:250]


def by_vendor(rng: Random) -> bytes:
    data = b""
    for _ in range(rng.randrange(4)):
        inner = encapsulated(rng, (1, 2))[:60]
        number = rng.choice((4491, 3561, 9))
        data += number.to_bytes(4) + bytes((len(inner),)) + inner
    return data + rng.choice((b"", b"", b"\0\0\x11\x8b\x09a"))


def drawn_option(rng: Random, code: int) -> bytes:
    if code == 82:
        return encapsulated(rng, RELAY_CODES)
    if code in (43, 175):
        return encapsulated(rng, (1, 2, 175))
    if code in (124, 125):
        return by_vendor(rng)
    return octets(rng)


def drawn_message(rng: Random) -> bytes:
    """A request that the codec takes."""
    codes = rng.sample(CODES, rng.randrange(len(CODES)))
    codes += rng.choices(CODES, k=rng.randrange(3))
    options = [(code, drawn_option(rng, code)) for code in codes]
    return encode(
        hlen=rng.choice((0, 6, 6, 6, 16)),
        chaddr=b"",
        htype=rng.choice((1, 1, 6, 32)),
        xid=rng.choice((1, 3, rng.randrange(1 << 32))),
        giaddr=rng.choice(("0.0.0.0", "10.0.0.1")),
        ciaddr=rng.choice(("0.0.0.0", "10.0.0.9")),
        message_type=rng.choice((None, 1, 3, 3, 8)),
        options=options,
        max_size=2076,
    )


def drawn_said(rng: Random, message: bytes) -> Said:
    return Said(
        message,
        known=rng.random() < 0.5,
        classes=frozenset(name for name in CLASSES if rng.random() < 0.5),
        source=rng.choice((0, 0x0A000001)),
        destination=rng.choice((0xFFFFFFFF, 0x0A000001)),
        relay_info=drawn_option(rng, 82) if rng.random() < 0.2 else None,
    )


# ---- the check


def run(
    image: bytearray, said: Said, program: int = 0, *, whole: bool = False
) -> tuple[bool, bytes | None]:
    return evaluate(
        image,
        program,
        said.message,
        relay_info=said.relay_info,
        known=said.known,
        classes=sum(1 << BITS[name] for name in said.classes),
        source=said.source,
        destination=said.destination,
        whole=whole,
    )


def compiled(text: str, value: bool, whole: bool = False) -> Expression | None:
    """None: the compiler refuses it."""
    try:
        return compile_expression(text, value=value, whole=whole, classes=CLASSES)
    except ExpressionError:
        return None


def check(rng: Random, messages: list[bytes]) -> Counter[str]:
    """One expression upon some messages: compiled and twin say the same."""
    is_value = rng.random() < 0.4
    text = drawn_value(rng, 3) if is_value else drawn_test(rng, 3)
    whole = is_value and rng.random() < 0.5  # as an identifier
    expression = compiled(text, is_value, whole)
    if expression is None:
        return Counter({"refused": len(messages)})
    image, tree = small_image(expression, classes=BITS), parse(text)
    seen: Counter[str] = Counter()
    wanted: bytes | bool
    got: bytes | bool
    for message in messages:
        said = drawn_said(rng, message)
        truth, value = run(image, said, whole=whole)
        try:
            if whole:
                wanted, got = twin_whole(said, tree) or b"", value or b""
            elif is_value:
                wanted = twin_value(said, tree)
                got = value or b""
            else:
                wanted, got = twin_test(said, tree), truth
        except NoRoom:
            seen["no room"] += 1
            continue
        assert got == wanted, (text, message.hex(), said.relay_info, got, wanted)
        seen[str(bool(got)).lower()] += 1
    return seen


def wild_image(rng: Random) -> bytearray:
    """Programs of instructions drawn octet by octet, some of them near to right ones."""
    blob = Blob()
    blob.place(rng.randbytes(64))
    programs = ProgramTable(blob)
    for code in rng.sample(CODES, 8):
        reading = compile_expression(f"option[{code}].hex", value=True)
        programs.place(reading)
    for _ in range(8):
        first = len(programs.instructions)
        for _ in range(rng.randrange(1, LIMITS["program"] + 1)):
            programs.instructions.append(
                tables.INSTRUCTION.pack(
                    op=rng.choice((rng.randrange(256), *[rng.choice(tuple(OPS.values()))] * 9)),
                    a=rng.choice((rng.randrange(256), rng.randrange(20))),
                    b=rng.choice((rng.randrange(65536), rng.randrange(20))),
                    c=rng.choice((rng.randrange(1 << 32), rng.randrange(2048), 4491)),
                )
            )
        count = len(programs.instructions) - first
        programs.rows.append(tables.PROGRAM.pack(first=first, count=count))
    return program_image(blob, programs)


def harm(rng: Random, messages: list[bytes]) -> Counter[str]:
    """Wild programs upon some messages: whatever they say, they end and read nothing foreign."""
    image = wild_image(rng)
    count = tables.read_rows(image, "programs")
    for message in messages:
        _, value = run(image, drawn_said(rng, message), rng.randrange(len(count)))
        assert value is None or len(value) <= 65535
    return Counter({"wild": len(messages)})


def fuzz(seed: int, count: int) -> Counter[str]:
    """`count` runs, the same for the same seed; what came of them."""
    rng = random.Random(seed)
    seen: Counter[str] = Counter()
    messages = [drawn_message(rng) for _ in range(40)]
    while seen.total() < count:
        if rng.random() < 0.05:
            messages = [drawn_message(rng) for _ in range(40)]
        some = rng.sample(messages, 20)
        seen += rng.choice((check, harm))(rng, some)
    return seen


def main() -> None:
    arguments = argparse.ArgumentParser(description="fuzz programs against their plain twin")
    arguments.add_argument("--count", type=int, default=100_000)
    arguments.add_argument("--seed", type=int, default=1)
    chosen = arguments.parse_args()
    print(f"seed {chosen.seed}:", dict(fuzz(chosen.seed, chosen.count).most_common()))


if __name__ == "__main__":
    main()
