"""What each instruction of a program takes a worker, counted by callgrind: `python -m
tests.bench.weights`, beside what fastdhcp/config/weights.py says of it.

Each is run twice, in a program with it and in one without it; values have 32 octets. What the loop
of the bench takes is in both. A group of an option is no part of a program, but a step before it:
so it is run as the classes of a packet are, with one literal, which the value is.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

COUNT = 10_000
ROOM = 4  # places of a group, as a literal has them
TEXT = b"PXEClient:Arch:00007:UNDI:003016"
AGAIN = b"PXEClient:Arch:00007:UNDI:003017"
RELAY_INFO = b"\x01\x20" + TEXT + b"\x02\x20" + TEXT + b"\x06\x20" + TEXT
ENCAPSULATED = b"\x01\x08" + TEXT[:8] + b"\x02\x08" + TEXT[:8] + b"\x03\x20" + TEXT
BY_VENDOR = b"\0\0\x0d\xe9\x04\x01\x02pq" + b"\0\0\x11\x8b\x2c" + ENCAPSULATED[10:] + b"\x09\0"
FUNCTION = "__pyx_pw_*Units*test*"


def cases() -> "dict[str, tuple[list[Step], list[Step]]]":
    """Of each instruction: the steps before it, and those that have it."""
    text, four = Step("option", option=60, c=LENGTH_ALL), Step("header", a=12, b=4)
    is_text = {"option": 60, "literal": TEXT}
    inner, vendor = (Step("option", option=code, c=LENGTH_ALL) for code in (43, 125))
    true = Step("truth", a=1)

    def one(before: list[Step], op: str, **fields: int | bytes) -> tuple[list[Step], list[Step]]:
        return before, [*before, Step(op, **fields)]

    return {
        "option": one([], "option", option=60, c=LENGTH_ALL),
        "literal": one([], "literal", literal=TEXT),
        "relay-info": one([], "relay-info"), "relay": one([], "relay", a=6),
        "header": one([], "header", a=12, b=4), "hardware": one([], "hardware"),
        "number": one([], "number", a=2), "interface": one([], "interface"),
        "sub-option": one([inner], "sub-option", a=3),
        "vendor": one([vendor], "vendor", c=4491),
        "vendor-option": one([vendor], "vendor-option", a=3, c=4491),
        "enterprise": one([vendor], "enterprise"),
        "substring": one([text], "substring", b=0xFFFC, c=LENGTH_ALL),
        "lower": one([text], "lower"), "upper": one([text], "upper"),
        "needed": one([text], "needed"),
        "address-text": one([four], "address-text"),
        "number-text": one([four], "number-text", a=4),
        "concat": one([text, Step("literal", literal=AGAIN)], "concat"),
        "hexstring": one([text, Step("literal", literal=b":")], "hexstring"),
        "split": one([text, Step("literal", literal=b"/ ")], "split", b=2),
        "exists": one([text], "exists"), "is": one([text], "is", literal=TEXT),
        "equal": one([text, Step("literal", literal=TEXT)], "equal"),
        "one-of": one([text], "one-of", literal=AGAIN),
        "same": one([text, Step("literal", literal=AGAIN)], "same"), "pop": one([text], "pop"),
        "option-exists": one([], "option-exists", option=60),
        "option-is": one([], "option-is", **is_text),
        "option-begins": one([], "option-begins", **is_text),
        "relay-exists": one([], "relay-exists", a=6),
        "relay-is": one([], "relay-is", a=6, literal=TEXT),
        "member": one([], "member", member="a"), "known": one([], "known"),
        "bootp": one([], "bootp"), "truth": one([], "truth", a=1), "not": one([], "not"),
        "jump": one([], "jump"), "jump-if": one([true], "jump-if"),
        "jump-unless": one([], "jump-unless"), "class": one([true], "class", b=9, c=9),
        "among": one([text], "among", b=ROOM - 1),
        "option-among": one([], "option-among", option=60, b=ROOM - 1),
    }  # fmt: skip


def work() -> None:
    """Runs each program, one call of the bench after the other."""
    from fastdhcp._codec import encode
    from fastdhcp_bench._units import Units
    from tests.segments import make_memory

    units = Units(make_memory(0, workers=1, blocks=256, ring_size=1 << 20), 0)
    options = {60: TEXT, 43: ENCAPSULATED, 125: BY_VENDOR, 82: RELAY_INFO}
    message = encode(chaddr=b"\x02\0\0\0\0\1", message_type=1, ciaddr="10.64.200.100",
                     options=options)  # fmt: skip
    for op, program in programs():
        blob = Blob()
        table = ProgramTable(blob)
        table.add(program, {"a": 9})
        places = one_literal(blob)
        if op == "option-among":
            image = program_image(blob, table, class_places=places, class_count=len(program))
            units.test_classes(image, message, COUNT)
        else:
            units.test(program_image(blob, table, class_places=places), message, COUNT)
    units.test(program_image(blob, table), message, 1)


def one_literal(blob: "Blob") -> list[bytes]:
    """The places of a group: that of TEXT, the others and the end of them empty."""
    digest = literal_hash(TEXT)
    empty = bytes(tables.CLASS_PLACE.size)
    place = tables.CLASS_PLACE.pack(
        hash=digest, literal_at=blob.place(TEXT), literal_len=len(TEXT), number=9, counter=9
    )
    at = digest & (ROOM - 1)
    return [*[empty] * at, place, *[empty] * (ROOM - at)]


def programs() -> "list[tuple[str, list[Step]]]":
    """With the instruction that each is for, but for the first."""
    pairs = [(op, program) for op, pair in cases().items() for program in pair]
    return [("run", []), *pairs]


def counted() -> list[float]:
    """Instructions of each program, once."""
    with tempfile.TemporaryDirectory() as folder:
        argv = ["valgrind", "--tool=callgrind", f"--dump-before={FUNCTION}",
                f"--callgrind-out-file={folder}/out", sys.executable, "-P", __file__, "--work"]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
        subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, check=True)
        parts = sorted(Path(folder).glob("out.*"), key=lambda path: int(path.suffix[1:]))
        totals = [int(re.search(r"^(?:totals|summary): (\d+)", part.read_text(), re.MULTILINE)[1])
                  for part in parts]  # fmt: skip
    return [total / COUNT for total in totals[1 : len(programs()) + 1]]


def main() -> None:
    run, *figures = counted()
    print(f"{'run':14} {run:6.0f} {RUN:6}")
    for place, op in enumerate(cases()):
        figure = figures[2 * place + 1] - figures[2 * place]
        print(f"{op:14} {figure:6.0f} {WEIGHTS[op]:6}")


ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from fastdhcp._classes import literal_hash  # noqa: E402
from fastdhcp.config import tables  # noqa: E402
from fastdhcp.config.programs import ProgramTable, program_image  # noqa: E402
from fastdhcp.config.reads import Step  # noqa: E402
from fastdhcp.config.syntax import LENGTH_ALL  # noqa: E402
from fastdhcp.config.tables import Blob  # noqa: E402
from fastdhcp.config.weights import RUN, WEIGHTS  # noqa: E402

if __name__ == "__main__":
    work() if sys.argv[1:] == ["--work"] else main()
