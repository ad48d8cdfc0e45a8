"""What a process is granted that asks for its turn soon: in one of its own, as it stays so."""

import os
import subprocess
import sys

CODE = "import os; from fastdhcp._turn import turn_soon; print(turn_soon(), os.nice(0))"
SLICE = 100_000 if tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 12) else 0


def granted(*before: str) -> list[int]:
    """Slice in ns, nice."""
    done = subprocess.run(
        [*before, sys.executable, "-c", CODE], capture_output=True, check=True, text=True
    )
    return [int(word) for word in done.stdout.split()]


def test_it_gets_a_short_slice_and_keeps_its_rank() -> None:
    assert granted() == [SLICE, os.nice(0)]
    assert granted("nice", "-n", "5") == [SLICE, os.nice(0) + 5]


def test_a_policy_that_an_operator_has_set_stays() -> None:
    assert granted("chrt", "--batch", "0")[0] != 100_000
