"""The redo log: what is found in it after a crash, and when it is not used."""

import fcntl
import math
import os
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest

from fastdhcp.store import redo
from fastdhcp.store.batch import header_size, write_header
from fastdhcp.store.clock import Mark, Reading
from fastdhcp.store.redo import (
    BLOCK,
    FOLLOW_BYTES,
    FOLLOW_S,
    REDO_NAME,
    REDO_SIZE,
    RETRY_S,
    RedoLog,
    frames,
)

RUN, OTHER_RUN = 77, 78


def batch(text: bytes, run: int = RUN) -> bytearray:
    size = header_size(2)
    made = bytearray(size) + text
    mark = Mark(0, Reading(str(uuid.UUID(int=7)), 1, 1, False))
    write_header(made, 1, run, [1, 2], mark)
    return made


def texts(folder: Path, after: int, run: int = RUN) -> list[tuple[int, bytes]]:
    return [(sequence, found[header_size(2) :]) for sequence, found in frames(folder, after, run)]


def fill(folder: Path, *rounds: range) -> None:
    """Sequences by round; after each the database has followed."""
    log = RedoLog(folder, 0.0)
    for sequences in rounds:
        log.followed(0.0)
        for sequence in sequences:
            assert log.append(sequence, batch(b"entries of %d" % sequence))
    log.close()


def found(*sequences: int) -> list[tuple[int, bytes]]:
    return [(sequence, b"entries of %d" % sequence) for sequence in sequences]


def test_what_goes_on_from_the_database_is_found(tmp_path: Path) -> None:
    fill(tmp_path, range(5, 9))
    assert texts(tmp_path, 4) == found(5, 6, 7, 8)
    assert texts(tmp_path, 6) == found(7, 8)  # the database had followed half way: a crash before
    assert texts(tmp_path, 8) == []


def test_what_does_not_go_on_from_the_database_is_not_taken(tmp_path: Path) -> None:
    fill(tmp_path, range(5, 9))
    assert texts(tmp_path, 3) == []  # a backup was put in place
    assert texts(tmp_path, 9) == []
    assert texts(tmp_path, 4, OTHER_RUN) == []
    assert texts(tmp_path / "nowhere", 4) == []


@pytest.mark.parametrize("rounds", [(range(1, 9), range(9, 12)), (range(1, 3), range(3, 12))])
def test_frames_of_an_earlier_round_are_not_taken(tmp_path: Path, rounds: tuple[range]) -> None:
    fill(tmp_path, *rounds)
    last = rounds[1][-1]
    assert texts(tmp_path, rounds[1][0] - 1) == found(*rounds[1])
    assert texts(tmp_path, last) == []


@pytest.mark.parametrize("at", [0, 8, 12, 16, 24, 24 + header_size(2), -1])
@pytest.mark.parametrize("which", [5, 7])
def test_a_frame_that_was_not_written_whole_ends_it(tmp_path: Path, which: int, at: int) -> None:
    fill(tmp_path, range(5, 9))
    end = redo._FRAME.size + len(batch(b"entries of 5"))
    with (tmp_path / REDO_NAME).open("r+b") as file:
        file.seek((which - 5) * BLOCK + (at if at >= 0 else end + at))
        octet = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([octet[0] ^ 0x40]))
    assert texts(tmp_path, 4) == found(*range(5, which))


def test_a_file_cut_short_gives_what_is_left_of_it(tmp_path: Path) -> None:
    fill(tmp_path, range(5, 9))
    for size, left in ((2 * BLOCK + 30, [5, 6]), (BLOCK, [5]), (10, []), (0, [])):
        os.truncate(tmp_path / REDO_NAME, size)
        assert texts(tmp_path, 4) == found(*left)


@pytest.mark.parametrize("rounds", [(range(5, 9),), (range(1, 9), range(9, 12))])
def test_what_it_has_behind_its_frames_can_be_given_back(
    tmp_path: Path, rounds: tuple[range, ...]
) -> None:
    fill(tmp_path, *rounds)
    redo.shorten(tmp_path)
    first, last = rounds[-1][0], rounds[-1][-1]
    assert texts(tmp_path, first - 1) == found(*rounds[-1])
    assert (tmp_path / REDO_NAME).stat().st_size <= (last - first + 1) * BLOCK
    redo.shorten(tmp_path)
    assert texts(tmp_path, first - 1) == found(*rounds[-1])


def test_no_write_touches_a_block_of_another_batch(tmp_path: Path) -> None:
    log = RedoLog(tmp_path, 0.0)
    before = (tmp_path / REDO_NAME).read_bytes()
    for sequence, size in enumerate((1, BLOCK, 3 * BLOCK - 100), 1):
        log.append(sequence, batch(bytes(size)))
        after = (tmp_path / REDO_NAME).read_bytes()
        blocks = [slice(at, at + BLOCK) for at in range(0, REDO_SIZE, BLOCK)]
        changed = [block for block in blocks if after[block] != before[block]]
        assert changed and not any(before[block].strip(b"\0") for block in changed)
        before = after
    log.close()


def test_a_new_log_is_empty_and_all_of_its_blocks_are_there(tmp_path: Path) -> None:
    fill(tmp_path, range(5, 9))
    RedoLog(tmp_path, 0.0).close()
    stat = (tmp_path / REDO_NAME).stat()
    assert (stat.st_size, stat.st_mode & 0o777) == (REDO_SIZE, 0o640)
    assert stat.st_blocks * 512 >= REDO_SIZE
    assert texts(tmp_path, 4) == []


def test_a_batch_for_which_there_is_no_room_is_not_taken(tmp_path: Path) -> None:
    log = RedoLog(tmp_path, 0.0)
    large = batch(bytes(REDO_SIZE // 2))
    assert log.append(1, large)
    assert not log.append(2, large)
    assert [sequence for sequence, _ in log.batches] == [1]
    log.followed(0.0)
    assert log.append(2, large) and log.append(3, batch(b""))
    log.close()
    assert [sequence for sequence, _ in texts(tmp_path, 1)] == [2, 3]


def test_the_database_follows_by_time_or_size(tmp_path: Path) -> None:
    log = RedoLog(tmp_path, 100.0)
    assert log.follow_s() == math.inf
    log.append(1, batch(b""))
    assert log.follow_s() == 100.0 + FOLLOW_S
    log.append(2, batch(bytes(FOLLOW_BYTES)))
    assert log.follow_s() == 0.0
    log.followed(200.0)
    assert log.follow_s() == math.inf
    log.append(3, batch(b""))
    assert log.follow_s() == 200.0 + FOLLOW_S
    log.close()


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    path.with_name("other").write_bytes(bytes(REDO_SIZE))
    path.with_name("other").rename(path)


def cut(path: Path) -> None:
    os.truncate(path, REDO_SIZE // 2)


@pytest.mark.parametrize("harm", [remove, replace, cut])
def test_a_log_that_nobody_would_find_is_given_up(
    tmp_path: Path, harm, capfd: pytest.CaptureFixture[str]
) -> None:
    log = RedoLog(tmp_path, 0.0)
    log.append(1, batch(b""))
    log.look(1.0)
    assert log.append(2, batch(b""))
    harm(tmp_path / REDO_NAME)
    log.look(2.0)
    assert not log.append(3, batch(b""))
    assert log.follow_s() == 0.0  # the database is to have 1 and 2 at once
    assert [sequence for sequence, _ in log.batches] == [1, 2]
    assert "was removed, replaced or cut short while the server runs" in capfd.readouterr().err
    log.look(RETRY_S + 3.0)  # not while the database lacks them
    assert not log.append(3, batch(b""))
    log.followed(RETRY_S + 4.0)
    log.look(RETRY_S + 5.0)
    assert log.append(3, batch(b""))
    assert [sequence for sequence, _ in texts(tmp_path, 2)] == [3]
    log.close()


def test_a_log_that_cannot_be_written_is_given_up(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What an error leaves behind the last batch is not known."""
    log = RedoLog(tmp_path, 0.0)
    assert log.append(1, batch(b"entries of 1"))
    full = os.open("/dev/full", os.O_RDWR)
    os.dup2(full, log._file._fd)  # type: ignore[union-attr]
    os.close(full)
    assert not log.append(2, batch(b""))
    assert not log.append(2, batch(b""))
    assert "redo.log cannot be written: No space left on device" in capfd.readouterr().err
    assert log.follow_s() == 0.0
    assert texts(tmp_path, 0) == found(1)


def test_where_there_is_no_room_there_is_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / REDO_NAME).write_bytes(b"of an older run")
    nearly_full = SimpleNamespace(f_blocks=1 << 30, f_frsize=4096, f_bavail=2000)
    monkeypatch.setattr(os, "statvfs", lambda _: nearly_full)
    log = RedoLog(tmp_path, 0.0)
    assert "redo.log cannot be made: No space left on device" in capfd.readouterr().err
    assert not log.append(1, batch(b""))
    assert list(tmp_path.iterdir()) == []
    nearly_full.f_bavail = 2100
    log.look(RETRY_S - 1.0)
    assert not log.append(1, batch(b""))
    log.look(RETRY_S)
    assert log.append(1, batch(b""))
    log.close()


@pytest.mark.parametrize("size", [1 << 20, 32 << 20, 1 << 40])
def test_of_a_small_file_system_the_log_takes_a_small_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    blocks = size // 4096
    room = SimpleNamespace(f_blocks=blocks, f_frsize=4096, f_bavail=blocks)
    monkeypatch.setattr(os, "statvfs", lambda _: room)
    RedoLog(tmp_path, 0.0).close()
    assert (tmp_path / REDO_NAME).stat().st_size == min(size // 16, REDO_SIZE)


def test_a_file_system_without_o_direct_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, open_ = [], os.open

    def refuse(path: Path, flags: int, *rest: int) -> int:
        opened.append(bool(flags & os.O_DIRECT))
        if flags & os.O_DIRECT:
            raise OSError(22, "Invalid argument")
        return open_(path, flags, *rest)

    monkeypatch.setattr(os, "open", refuse)
    fill(tmp_path, range(1, 4))
    assert opened[:2] == [True, False]
    monkeypatch.undo()
    assert texts(tmp_path, 0) == found(1, 2, 3)


def test_a_disk_of_large_blocks_is_found_out_when_the_log_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O_DIRECT asks for whole blocks of the device, and there are some of 16 KB: the first lot of
    zeros is a multiple of that, a batch is not."""
    pwrite = os.pwrite

    def refuse(fd: int, data: bytes, at: int) -> int:
        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT and (len(data) | at) % (4 * BLOCK):
            raise OSError(22, "Invalid argument")
        return pwrite(fd, data, at)

    monkeypatch.setattr(os, "pwrite", refuse)
    fill(tmp_path, range(1, 4))
    assert texts(tmp_path, 0) == found(1, 2, 3)
