"""What systemd hears, over a real datagram socket (sd_notify(3))."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastdhcp.supervisor.notify import Notifier, watchdog_interval


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_assignments_arrive_line_by_line(tmp_path: Path, kind: str) -> None:
    name = f"fastdhcp-test-{os.getpid()}"
    address = str(tmp_path / "notify") if kind == "path" else f"@{name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address if kind == "path" else f"\0{name}")
        systemd.settimeout(5)
        notifier = Notifier(address)
        assert notifier.ready("serving")
        assert systemd.recv(1000) == b"READY=1\nSTATUS=serving"
        notifier.extend_timeout(1.5)
        assert systemd.recv(1000) == b"EXTEND_TIMEOUT_USEC=1500000"
        before_us = time.monotonic_ns() // 1000
        notifier.reloading()
        lines = systemd.recv(1000).decode().split("\n")
        assert lines[0] == "RELOADING=1"
        assert lines[1].startswith("MONOTONIC_USEC=")
        assert before_us <= int(lines[1].partition("=")[2]) <= time.monotonic_ns() // 1000
        notifier.stopping()
        assert systemd.recv(1000) == b"STOPPING=1"
        notifier.beat()
        assert systemd.recv(1000) == b"WATCHDOG=1"


def test_without_systemd_nothing_happens() -> None:
    assert Notifier("").ready("serving") is False
    assert Notifier("/nonexistent/notify").ready("serving") is False


def test_children_are_not_told_of_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/notify")
    Notifier()
    assert "NOTIFY_SOCKET" not in os.environ


def test_watchdog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert watchdog_interval() is None
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert watchdog_interval() == 30
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_interval() is None


@pytest.fixture
def slow() -> Iterator[tuple[socket.socket, Notifier]]:
    """A systemd that has not read what it was told so far."""
    name = f"fastdhcp-slow-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{name}")
        systemd.settimeout(5)
        notifier = Notifier(f"@{name}")
        while notifier.beat():
            pass
        yield systemd, notifier


def heard(systemd: socket.socket) -> list[str]:
    """All that has come, but beats."""
    systemd.setblocking(False)
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(systemd.recv(1000).decode())
    return [text.partition("\n")[0] for text in found if text != "WATCHDOG=1"]


def test_what_systemd_must_hear_is_said_again_in_its_order(
    slow: tuple[socket.socket, Notifier],
) -> None:
    systemd, notifier = slow
    assert not notifier.ready("serving")
    notifier.reloading()
    notifier.ready("serving")
    notifier.catch_up()
    assert heard(systemd) == []
    notifier.catch_up()
    assert heard(systemd) == ["READY=1", "RELOADING=1", "READY=1"]
    notifier.catch_up()
    assert heard(systemd) == []


def test_a_reload_that_ends_with_the_server_is_not_ready_again(
    slow: tuple[socket.socket, Notifier],
) -> None:
    systemd, notifier = slow
    heard(systemd)
    notifier.reloading()
    notifier.stopping()
    assert not notifier.ready("serving")
    assert heard(systemd) == ["RELOADING=1", "STOPPING=1"]


def test_words_of_others_are_no_assignments(slow: tuple[socket.socket, Notifier]) -> None:
    """A command's name is whatever its user likes."""
    systemd, notifier = slow
    heard(systemd)
    assert notifier.status("in use by x\nREADY=1 \udcff")
    assert systemd.recv(1000) == b"STATUS=in use by x READY=1 \\udcff"
