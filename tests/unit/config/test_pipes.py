"""Configurations that come from a pipe, or that a pipe stands in for: read, or given up."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastdhcp.config import check, octets

GOOD = '[[subnets]]\nsubnet = "10.77.0.0/22"\npools = ["10.77.1.1-10.77.1.250"]\n'
SILENT = "nothing came of it within 0.2 s: it is no file, and nobody writes into it"


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(octets, "SILENT_S", 0.2)


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    yield path


def told(path: Path) -> list[str]:
    return [str(error).removeprefix(f"{path.parent}/") for error in check(path)[0]]


def write(path: Path, *pieces: str) -> threading.Thread:
    """Into a pipe, with a pause before each piece."""

    def run() -> None:
        with path.open("w") as pipe:
            for piece in pieces:
                time.sleep(0.05)
                pipe.write(piece)
                pipe.flush()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_pipe_that_nobody_writes_into_is_given_up(fifo: Path) -> None:
    assert told(fifo) == [f"pipe:1: cannot be read: {SILENT}"]


def test_a_pipe_whose_writer_falls_silent_is_given_up(fifo: Path) -> None:
    writer = os.open(fifo, os.O_RDWR)
    try:
        os.write(writer, GOOD.encode())
        assert told(fifo) == [f"pipe:1: cannot be read: {SILENT}"]
    finally:
        os.close(writer)


def test_what_is_written_into_a_pipe_is_read_to_its_end(fifo: Path) -> None:
    """As the shell has it: `fastdhcp check <(make-my-configuration)`."""
    writing = write(fifo, *GOOD.splitlines(keepends=True))
    assert told(fifo) == []
    writing.join()
    writing = write(fifo, *GOOD.splitlines(keepends=True), "subnet = 1\n")
    assert told(fifo) == ["pipe:4: is not TOML: Cannot overwrite a value; it is there already; "
                          "write it once (a list's tables have [[ ]])"]  # fmt: skip
    writing.join()


def test_a_pipe_of_a_shell_is_no_fifo_and_is_read(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, GOOD.encode())
    os.close(writer)
    try:
        assert check(Path(f"/dev/fd/{reader}"))[0] == []
    finally:
        os.close(reader)


def test_an_included_pipe_is_given_up_and_named(fifo: Path) -> None:
    path = fifo.parent / "f.toml"
    path.write_text('[server]\ninclude = ["pipe"]\n' + GOOD)
    assert told(path) == [f"pipe:1: cannot be read: {SILENT}"]
    path.write_text('[server]\ninclude = ["pip*"]\n' + GOOD)
    assert told(path) == []  # what a pattern finds beside files is none of its


def test_a_pipe_in_place_of_a_file_of_reservations(fifo: Path) -> None:
    path = fifo.parent / "f.toml"
    path.write_text('[server]\nreservation-files = ["pipe"]\n' + GOOD)
    (found,) = told(path)
    assert found.endswith(f'server.reservation-files[0]: "{fifo}" cannot be read: {SILENT}')
    writing = write(fifo, "hw-address,address\n", "02:ee:00:00:00:01,10.77.0.50\n")
    assert told(path) == []
    writing.join()


def test_a_device_without_end_is_too_long(tmp_path: Path) -> None:
    (found,) = check(Path("/dev/zero"))[0]
    assert str(found) == "/dev/zero:1: is longer than 256 MB: no configuration is"
