"""The lab itself: it leaves nothing behind, and says what is missing."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import Lab, ToolMissing, tool
from tests.lab.servers import ROOT

from .conftest import eventually

pytestmark = pytest.mark.net

DYING = """
import os, signal
from tests.lab import Lab
lab = Lab()
lab.veth("one:a0=10.0.0.1/24", "other:b0=10.0.0.2/24")
process = lab.start("one", ["sh", "-c", "echo up; exec sleep 600"])
process.wait_for("up")
print(process.pid, lab.folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_missing_tool_fails_with_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.lab.process._SYSTEM_PATH", "")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolMissing, match="apt-get install isc-dhcp-client"):
        tool("dhclient")


def test_what_a_killed_run_started_dies_with_it_and_its_folder_goes_at_the_next(
    lab: Lab,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DYING], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    pid, folder = done.stdout.split()
    assert eventually(lambda: not _runs(int(pid)))
    with Lab():
        assert not Path(folder).exists()


def _runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(") ", 1)[1][0] != "Z"


def test_close_ends_processes_and_namespaces() -> None:
    with Lab() as lab:
        lab.veth("one:a0=10.0.0.1/24", "other:b0=10.0.0.2/24")
        process = lab.start("one", ["sleep", "600"])
        assert "b0" in lab.ip("other", "-br", "link")
        folder, fds = lab.folder, [n.fd for n in lab.namespaces.values()]
    assert process.returncode is not None
    assert not folder.exists()
    assert not any(_is_open(fd) for fd in fds)


def _is_open(fd: int) -> bool:
    try:
        return "net:[" in str(Path(f"/proc/self/fd/{fd}").readlink())
    except OSError:
        return False
