"""Whatever octets a file has, `check` ends with words: never a traceback, never raw octets."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import fastdhcp.config
from fastdhcp.cli.main import main
from fastdhcp.config import check

REFERENCE = (Path(fastdhcp.config.__file__).parent / "reference.toml").read_bytes()
# Without comments, so that a change meets something.
BARE = b"\n".join(
    line.partition(b"  #")[0] for line in REFERENCE.split(b"\n") if not line.startswith(b"#")
)
AS_JSON = json.dumps(tomllib.loads(BARE.decode()), indent=1).encode()
SEEDS = {"toml": BARE, "json": AS_JSON}
PIECES = [
    b"\0", b"\xff", b"\xef\xbb\xbf", b"\x1b[31m", b"\r", b'"', b"'", b'"""', b"\\", b"\\u0000",
    b"\\ud800", b"\\U0010ffff", b"[", b"]", b"[[", b"{", b"}", b"=", b":", b",", b".", b"#", b"\n",
    b"1" * 5000, b"0x" + b"f" * 5000, b"-1", b"1e999", b"nan", b"null", b"true", b"1979-05-27",
    b"[" * 1500, b"{a=" * 700, b'{"a":' * 1500, b"a." * 2000, b'"hex:"', b'"hex:0g"', b'"infinite"',
    b"0.0.0.0/0", b"255.255.255.255", b"[subnets]", b"[[server]]", b"[server]", b'["\\u0000"]',
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """The reference with some of its octets replaced, left out, doubled or moved."""
    ending = draw(st.sampled_from(sorted(SEEDS)))
    octets = SEEDS[ending]
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(octets)))
        end = at + draw(st.integers(0, 40))
        new = draw(st.sampled_from(PIECES) | st.binary(max_size=8) | st.just(octets[at:end]))
        octets = octets[:at] + new + octets[end:]
    return ending, octets


# Values that are well formed, in places that are none of theirs.
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8)
    | st.integers() | st.just(10**4299)
    | st.sampled_from(["10.0.0.0/24", "10.0.0.1", "10.0.0.1-10.0.0.9", "hex:00", "30m", "\0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner,
                                                                max_size=3),
    max_leaves=6,
)  # fmt: skip


@st.composite
def misplaced(draw: st.DrawFn) -> tuple[str, bytes]:
    """The reference with the value of some key, at any depth, being something else."""
    whole: Any = json.loads(AS_JSON)
    for _ in range(draw(st.integers(1, 4))):
        place: Any = whole
        for _ in range(draw(st.integers(0, 5))):
            steps = list(place) if isinstance(place, dict) else list(range(len(place)))
            inner = [step for step in steps if isinstance(place[step], dict | list) and place[step]]
            if not inner:
                break
            place = place[draw(st.sampled_from(inner))]
        steps = list(place) if isinstance(place, dict) else list(range(len(place)))
        place[draw(st.sampled_from(steps))] = draw(VALUES)
    return "json", json.dumps(whole).encode("utf-8", "surrogatepass")


def say(folder: Path, ending: str, octets: bytes) -> None:
    path = folder / f"hostile.{ending}"
    path.write_bytes(octets)
    errors, warnings = check(path)
    for problem in [*errors, *warnings]:
        assert str(problem).isprintable()
        assert str(problem).startswith(f"{path}:")
        assert 1 <= problem.line <= octets.count(b"\n") + octets.count(b"\r") + 1


HOSTILE = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(case=mutated())
@HOSTILE
def test_a_reference_that_is_damaged(tmp_path: Path, case: tuple[str, bytes]) -> None:
    say(tmp_path, *case)


@given(case=misplaced())
@HOSTILE
def test_values_that_are_out_of_place(tmp_path: Path, case: tuple[str, bytes]) -> None:
    say(tmp_path, *case)


@given(ending=st.sampled_from(["toml", "json"]), octets=st.binary(max_size=200))
@example(ending="toml", octets=b"\xff\xfe[\0s\0e\0r\0v\0e\0r\0]\0")
@HOSTILE
def test_any_octets(tmp_path: Path, ending: str, octets: bytes) -> None:
    say(tmp_path, ending, octets)


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: repr(piece[:8]))
@pytest.mark.parametrize(
    "frame", ["%s", '"%s" = 1\n', "x = %s\n", 'x = "%s"\n', '{"server": {"include": ["%s"]}}',
              '[server]\nlisten = "%s"\ninclude = [%s]\n', "[defaults]\nlease-time = %s\n",
              '{"defaults": {"options": {"routers": %s}}}'],
)  # fmt: skip
def test_pieces_in_their_frames(tmp_path: Path, frame: str, piece: bytes) -> None:
    octets = frame.encode().replace(b"%s", piece)
    say(tmp_path, "json" if frame.startswith("{") else "toml", octets)


def test_the_command_writes_what_a_terminal_may_get(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('"\\u001b]0;x\\u0007" = "\\u009b"\n')
    done = CliRunner().invoke(main, ["check", str(path)])
    assert done.exit_code == 78
    assert done.stdout.split("\n")[0] == (
        f"{path}:1: \\x1b]0;x\\x07: is not a key here; see reference.toml for what there is"
    )
