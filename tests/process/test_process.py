"""A child process of another version than its server, which somebody installed beneath it."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from fastdhcp import __version__
from fastdhcp.channel import Channel
from fastdhcp.process import ROLES

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("role", ROLES)
def test_a_process_of_another_version_says_so_and_does_not_work(role: str) -> None:
    ours, theirs = Channel.pair()
    argv = [sys.executable, "-m", "fastdhcp.process", role, "0", str(theirs.fileno()), "0.0.1"]
    with contextlib.closing(theirs):
        done = subprocess.run(
            argv, pass_fds=[theirs.fileno()], cwd=ROOT, stderr=subprocess.PIPE, check=False
        )
    why = f"version {__version__} was installed while the server of version 0.0.1 runs"
    assert done.returncode == 1
    assert why in done.stderr.decode()
    received = ours.receive()
    assert received is not None
    assert received[0] == {"type": "last-words", "text": f"{why}: restart the server"}
    ours.close()
