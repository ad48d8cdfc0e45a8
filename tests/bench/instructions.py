"""Instructions that a packet costs, counted by callgrind: `make instructions`.

Decode, select, decide, apply, and the reply written, in the loops of C of bench/_units.pyx. Each
case runs twice, over few packets and over many; the difference is theirs alone, since starts and
preparations are the same. How busy the machine is changes nothing.

    make instructions ARGS="--against ../before"    beside another tree, which has been built
    make instructions ARGS=--keep                   these figures count from now on (kept.py)

It fails if a packet costs over 5 % more than is kept for the same compiler and libc.
"""

import argparse
import gc
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import which

ROOT = Path(__file__).resolve().parents[2]
FEW, MANY = 500, 2500
SIZE = 320
SERVER = "10.64.0.1"
GIADDR = "10.64.0.2"
HALF_S = 1800
RELAY_INFO = b"\x01\x0eeth 1/1/7:1234\x02\x06\x02\xaa\0\0\0\7"
POLICY = """
[server]
workers = 1
max-addresses = 65536

[defaults]
lease-time = "1h"

[defaults.options]
domain-name-servers = ["10.77.0.2", "10.77.0.3"]
domain-name = "campus.example"

[[subnets]]
subnet = "10.64.0.0/16"
pools = ["10.64.1.0-10.64.254.254"]
options = { routers = ["10.64.0.1"] }
"""
FIVE = "".join(
    f"""
[[classes]]
name = "{name}"
test = "{test}"
lease-class = true
"""
    for name, test in [
        ("pxe", "substring(option[60].hex, 0, 9) == 'PXEClient'"),
        ("uefi", "member('pxe') and option[93].hex in (0x0007, 0x0009)"),
        ("modem", "substring(option[60].hex, 0, 6) == 'docsis'"),
        ("cpe", "relay4[2].exists and not member('modem')"),
        ("phone", "option[43].exists and substring(option[60].hex, 0, 5) == 'phone'"),
    ]
)
MANY_OF_ONE = "".join(
    f"""
[[classes]]
name = "model-{n}"
test = "option[60].hex == 'model {n}'"
lease-class = true
"""
    for n in range(200)
)
POLICIES = {"plain": POLICY, "says": POLICY, "five": POLICY + FIVE, "many": POLICY + MANY_OF_ONE}
SAID: dict[str, dict[int, bytes]] = {
    "plain": {},
    "says": {60: b"model 77"},
    "five": {60: b"PXEClient:00007", 93: b"\0\x07"},
    "many": {60: b"model 77"},
}
CASES = {
    "DISCOVER, the offer stands": ("discover", False, "plain"),
    "DISCOVER, relayed, option 82": ("discover", True, "plain"),
    "renewal, to the ACK": ("renewal", False, "plain"),
    "renewal, relayed, option 82": ("renewal", True, "plain"),
    "DISCOVER, says option 60": ("discover", True, "says"),
    "DISCOVER, five classes": ("discover", True, "five"),
    "DISCOVER, 200 on one value": ("discover", True, "many"),
    "DISCOVER, others are reserved": ("others", False, "plain"),
    "DISCOVER, itself is reserved": ("owner", False, "plain"),
}


# ---- the work; it is done by either tree, so it uses only what both have


def work(kind: str, relayed: bool, policy: str, count: int) -> None:
    """Prepares for MANY clients, and handles and answers `count` packets. Without a collector: one
    run of it more among MANY would count as if packets cost it."""
    gc.disable()
    from fastdhcp import _bitmap, _store
    from fastdhcp_bench._units import Units
    from tests.policies import compile_text, link
    from tests.segments import make_memory

    memory = make_memory(0, workers=1, blocks=256, ring_size=1 << 22)
    memory.secret = bytes(range(16))
    written = POLICIES[policy] + reservations(kind)
    compiled = compile_text(written, links=[link(0, "srv0", f"{SERVER}/16")])
    if hasattr(compiled, "memfds"):  # a tree whose images had hints of their own
        memory.set_image(*compiled.memfds())
    else:
        memory.set_image(compiled.memfd())
    if hasattr(_bitmap, "mark_reserved"):
        _bitmap.mark_reserved(memory)
    units = Units(memory, int.from_bytes(packed(SERVER), "big"))
    ask = message_of(relayed, SAID[policy])

    def settle() -> None:
        _store.settle(memory, _store.take(memory)[1])

    messages = b"".join(ask(1, n) for n in range(MANY))
    held = units.handle(messages, SIZE)
    assert len(set(held)) == MANY and 0 not in held, "not all are served"
    if kind == "renewal":
        bound = b"".join(ask(3, n, asks=held[n]) for n in range(MANY))
        assert units.handle(bound, SIZE) == held
        settle()
        memory.time_offset_ns += HALF_S * 10**9
        messages = b"".join(ask(3, n, ciaddr=held[n]) for n in range(MANY))

    told = units.handle(messages[: count * SIZE], SIZE)
    reply = units.encode(messages[:SIZE], count)
    assert told == held[:count] and reply
    written = _store.pending_bytes(memory)
    assert written >= 32 * count if kind == "renewal" else not written, written


def reservations(kind: str) -> str:
    """Of all the clients ("owner"), or of as many that never come ("others")."""
    first = {"owner": 2, "others": 6}.get(kind)
    return "".join(
        "[[subnets.reservations]]\n"
        f'hw-address = "{first:02x}:00:00:00:{n >> 8:02x}:{n & 255:02x}"\n'
        f'address = "10.64.{200 + n // 200}.{1 + n % 200}"\n'
        for n in range(MANY if first else 0)
    )


def packed(address: str) -> bytes:
    return bytes(map(int, address.split(".")))


def message_of(relayed: bool, said: dict[int, bytes]) -> Callable[..., bytes]:
    """Writes what a client sends, through a relay agent or not; `said`: further options."""
    from fastdhcp._codec import encode

    def message(kind: int, client: int, *, asks: int = 0, ciaddr: int = 0) -> bytes:
        options = {55: bytes((1, 3, 6, 15, 51, 54)), 61: b"\x01\x02\0" + client.to_bytes(4, "big"),
                   **said}
        if asks:
            options |= {50: asks.to_bytes(4, "big"), 54: packed(SERVER)}
        if relayed:
            options[82] = RELAY_INFO
        made: bytes = encode(
            xid=client,
            chaddr=b"\x02\0" + client.to_bytes(4, "big"),
            ciaddr=".".join(map(str, ciaddr.to_bytes(4, "big"))),
            giaddr=GIADDR if relayed else "0.0.0.0",
            message_type=kind,
            options=options,
        )
        return made.ljust(SIZE, b"\0")

    return message


# ---- the count


def instructions(tree: Path, kind: str, relayed: bool, policy: str, count: int) -> int:
    """Of a whole process in that tree. Raises RuntimeError."""
    own = tree / ".venv/bin/python"
    python = str(own) if own.exists() else sys.executable
    argv = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", python, "-P",
            __file__, "--work", kind, str(int(relayed)), policy,
            str(count)]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": str(tree), "PYTHONHASHSEED": "0"}
    done = subprocess.run(argv, cwd=tree, env=env, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        raise RuntimeError(f"{tree}: {done.stderr}")
    return int(found.group(1))


def per_packet(tree: Path) -> dict[str, float]:
    """Instructions of one packet, by case."""
    runs = [(tree, *case, n) for case in CASES.values() for n in (FEW, MANY)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counted = list(pool.map(instructions, *zip(*runs, strict=True)))
    pairs = zip(counted[::2], counted[1::2], strict=True)
    return {case: (b - a) / (MANY - FEW) for case, (a, b) in zip(CASES, pairs, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Instructions that a packet costs, by callgrind.")
    parser.add_argument("--against", type=Path, metavar="TREE", help="another tree, built")
    parser.add_argument("--keep", action="store_true", help="these figures count from now on")
    parser.add_argument("--work", nargs=4, metavar=("KIND", "RELAYED", "POLICY", "COUNT"),
                        help=argparse.SUPPRESS)  # fmt: skip
    chosen = parser.parse_args()
    if chosen.work:
        work(chosen.work[0], chosen.work[1] == "1", chosen.work[2], int(chosen.work[3]))
        return
    if not which("valgrind"):
        sys.exit("valgrind is not installed: apt-get install valgrind")
    here = per_packet(ROOT)
    there = per_packet(chosen.against.resolve()) if chosen.against else {}
    for case, figure in here.items():
        line = f"{case:30s} {figure:8.0f}"
        if case in there:
            line += f"   there {there[case]:8.0f}   {figure / there[case] - 1:+7.2%}"
        print(line)
    sys.exit(judge(here, chosen.keep))


def judge(figures: dict[str, float], keep: bool) -> int:
    """Holds the figures against those that are kept, or keeps them; the exit code."""
    sys.path.insert(0, str(ROOT))
    from tests.bench import kept

    (module,) = (ROOT / "fastdhcp").glob("_handle.*.so")
    by = kept.toolchain(module)
    print(f"made by {by}")
    if keep:
        kept.keep(by, figures)
        return 0
    before = kept.kept(by)
    if before is None:
        print(f"{kept.FILE.name} has no figures of this toolchain: these are not judged")
        return 0
    risen = kept.risen(figures, before)
    for text in risen:
        print(f"risen: {text}")
    return 1 if risen else 0


if __name__ == "__main__":
    main()
