"""What is opened once: every failure is an obstacle in words."""

from pathlib import Path

import pytest

from fastdhcp.supervisor.obstacles import Obstacle
from fastdhcp.supervisor.resources import LOCK_NAME, lock_directory


def test_a_lock_that_cannot_be_written_is_an_obstacle(tmp_path: Path) -> None:
    """On a full disk the file is made and what it says finds no room: /dev/full takes nothing."""
    (tmp_path / LOCK_NAME).symlink_to("/dev/full")
    with pytest.raises(Obstacle, match=r"cannot use .*: correct that, or change server"):
        lock_directory(tmp_path)
