"""``fastdhcp demo``: a server with clients in a private network, and nothing left of it."""

import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import urllib.request
from fcntl import ioctl
from pathlib import Path

import pytest

from tests.lab import Lab, Process
from tests.lab.patience import PATIENCE_S
from tests.lab.servers import ROOT, environment

pytestmark = pytest.mark.net

DEMO = [sys.executable, "-m", "fastdhcp", "demo"]
SMALL = ["--clients", "40", "--storm", "0"]
READY = r"server ready after [\d.]+ s, its HTTP API is at (http://127\.0\.0\.1:\d+/)"
SUMMARY = r"^(\d+) leases given in [\d.]+ s .*, (\d+) renewed, (\d+) released; (\d+) held"
WITHOUT_ROOT = ["setpriv", "--bounding-set", "-all,+setfcap"]
"""As a user who is not root: setfcap alone is what lets uid 0 map itself."""


def run(lab: Lab, *words: str, prefix: list[str] | None = None) -> str:
    """What a demo prints that ends by itself and is content."""
    temp = _temp(lab)
    argv = [*(prefix or []), *DEMO, *words]
    done = lab.run("host", argv, **environment(), TMPDIR=str(temp))
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(temp.iterdir()) == []
    return done.stdout


def begin(lab: Lab, *words: str) -> Process:
    """A demo that is ready."""
    env = {**environment(), "TMPDIR": str(_temp(lab)), "PYTHONUNBUFFERED": "1"}
    process = lab.start("host", [*DEMO, *words], "demo", env)
    process.wait_for(READY)
    return process


def _temp(lab: Lab) -> Path:
    lab.netns("host")
    temp = lab.folder / "temp"
    temp.mkdir(exist_ok=True)
    return temp


def gone(pids: list[int], timeout: float = PATIENCE_S) -> bool:
    limit = time.monotonic() + timeout
    while any(Path(f"/proc/{pid}/exe").exists() for pid in pids):
        if time.monotonic() > limit:
            return False
        time.sleep(0.05)
    return True


def test_without_root_every_client_gets_a_lease_renews_and_releases(lab: Lab) -> None:
    said = run(lab, "--seconds", "11", *SMALL, prefix=WITHOUT_ROOT)
    summary = re.search(SUMMARY, said, re.MULTILINE)
    assert summary is not None, said
    given, renewed, released, held = map(int, summary.groups())
    assert given >= 40
    assert renewed > 0
    assert released > 0
    assert given - released - 5 <= held <= given - released
    assert "duplicate addresses 0, refused 0, unanswered 0," in said
    for kind in ("OFFER", "ACK", "renewal"):
        assert re.search(rf"^{kind} +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d$", said, re.M)
    pools = re.findall(r"10\.77\.0\.0/16 (\d+)/32, 10\.88\.0\.0/16 (\d+)/32", said)
    assert max(int(local) for local, _ in pools) == 20
    assert max(int(relayed) for _, relayed in pools) == 20


def test_the_api_is_reached_from_outside(lab: Lab) -> None:
    demo = begin(lab, "--seconds", "30", *SMALL)
    url = demo.wait_for(READY).group(1)
    with lab.netns("host"):
        found = _get(url + "v1/pools")
        metrics = _get(url + "metrics").decode()
    subnets = {pool["subnet"] for pool in json.loads(found)["pools"]}
    assert subnets == {"10.77.0.0/16", "10.88.0.0/16"}
    assert "fastdhcp_packets_received_total" in metrics


def _get(url: str) -> bytes:
    limit = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
                return bytes(answer.read())
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.1)


def test_a_port_that_is_taken_is_no_obstacle(lab: Lab) -> None:
    with lab.netns("host"):
        taken = socket.create_server(("127.0.0.1", 8067))
    with taken:
        said = run(lab, "--seconds", "1", *SMALL)
    found = re.search(READY, said)
    assert found is not None
    assert ":8067/" not in found.group(1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_its_summary(lab: Lab, number: signal.Signals) -> None:
    demo = begin(lab, "--seconds", "60", *SMALL)
    demo.wait_for(r"[1-9]\d* leases held")
    children = demo.children()
    demo.send_signal(number)
    assert demo.wait() == 0, demo.text()
    demo.wait_for(SUMMARY, 0)
    assert gone(children)
    assert list(_temp(lab).iterdir()) == []


def test_killed_it_leaves_no_process_and_the_next_one_clears_up(lab: Lab) -> None:
    demo = begin(lab, "--seconds", "60", *SMALL)
    children = demo.children()
    assert children
    demo.popen.kill()
    demo.popen.wait()
    assert gone(children)
    assert list(_temp(lab).iterdir()), "nobody could remove its folder yet"
    run(lab, "--seconds", "1", *SMALL)


def test_a_server_that_dies_is_told(lab: Lab) -> None:
    demo = begin(lab, "--seconds", "60", *SMALL)
    server = demo.children()[0]
    os.kill(server, signal.SIGKILL)
    assert demo.wait() == 1
    demo.wait_for("the server ended", 0)


def test_without_a_network_of_its_own_it_says_what_would_help(lab: Lab) -> None:
    lab.netns("host")
    argv = ["setpriv", "--bounding-set", "-all", *DEMO, "--seconds", "1"]
    done = lab.run("host", argv, **environment())
    assert done.returncode == 1
    assert "run the demo as root, or allow user namespaces" in done.stderr


def test_a_power_cut(lab: Lab) -> None:
    modules = lab.folder / "modules"
    modules.mkdir()
    (modules / "fastdhcp_bench").symlink_to(ROOT / "bench")
    path = f"{environment()['PYTHONPATH']}:{modules}"
    env = {"PYTHONPATH": path, "TMPDIR": str(_temp(lab))}
    argv = [*DEMO, "--seconds", "8", "--clients", "20", "--storm", "500"]
    done = lab.run("host", argv, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "power cut: 500 modems come back at once ..." in done.stdout
    assert re.search(r"^power cut: 500 of 500 modems .* [\d.]+ s, \d+ leases/s", done.stdout, re.M)


def test_on_a_terminal_it_shows_leases_as_they_come(lab: Lab) -> None:
    lab.netns("host")
    own, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 130, 0, 0))
    env = {**os.environ, **environment(), "TERM": "xterm", "TMPDIR": str(_temp(lab))}
    with lab.netns("host"):
        process = subprocess.Popen(
            [*DEMO, *SMALL], stdin=theirs, stdout=theirs, stderr=theirs, env=env
        )
    os.close(theirs)
    try:
        seen = _read_until(own, r"10\.88\.1\.\d+ +02:72:[0-9a-f:]+ +relay agent +\d+\.\d")
        assert re.search(r"API http://127\.0\.0\.1:\d+/  Ctrl-C ends", seen)
        process.send_signal(signal.SIGINT)
        _read_until(own, r"duplicate addresses 0")
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(own)


def _read_until(fd: int, pattern: str, timeout: float = PATIENCE_S) -> str:
    """Plain text of what the terminal got, until it has the pattern."""
    text = ""
    limit = time.monotonic() + timeout
    while not re.search(pattern, text):
        assert time.monotonic() < limit, f"no {pattern} in {text[-3000:]}"
        if select.select([fd], [], [], 0.2)[0]:
            raw = os.read(fd, 65536).decode(errors="replace")
            text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", raw)
    return text
