"""Tests side by side: who must be alone is, and is not passed over."""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.patience import PATIENCE_S, eventually
from tests.turns import Turns


class Player(threading.Thread):
    """A process of the tests, with a turn that lasts until ``done`` is set."""

    def __init__(self, folder: Path, alone: bool) -> None:
        super().__init__()
        self.turns, self.alone = Turns(folder), alone
        self.began, self.done = threading.Event(), threading.Event()

    def run(self) -> None:
        with self.turns.turn(alone=self.alone):
            self.began.set()
            self.done.wait(PATIENCE_S)


@contextmanager
def playing(folder: Path, alone: bool) -> Iterator[Player]:
    player = Player(folder, alone)
    player.start()
    try:
        yield player
    finally:
        player.done.set()
        player.join()


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [(False, False, True), (False, True, False), (True, False, False), (True, True, False)],
)
def test_two_are_at_it_together_unless_one_must_be_alone(
    first: bool, second: bool, together: bool, tmp_path: Path
) -> None:
    with playing(tmp_path, first) as one:
        assert one.began.wait(PATIENCE_S)
        with playing(tmp_path, second) as other:
            assert other.began.wait(PATIENCE_S if together else 0.1) == together
            one.done.set()
            assert other.began.wait(PATIENCE_S)


def test_who_waits_to_be_alone_comes_before_those_who_come_later(tmp_path: Path) -> None:
    with playing(tmp_path, alone=False) as one:
        assert one.began.wait(PATIENCE_S)
        with playing(tmp_path, alone=True) as two:
            assert eventually(lambda: _is_held(two.turns))
            with playing(tmp_path, alone=False) as three:
                assert not three.began.wait(0.1)
                one.done.set()
                assert two.began.wait(PATIENCE_S) and not three.began.is_set()
                two.done.set()
                assert three.began.wait(PATIENCE_S)


def _is_held(turns: Turns) -> bool:
    """Whether somebody waits at the gate: seen by another description of its file."""
    with Path(turns._gate.name).open() as gate:
        try:
            fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
