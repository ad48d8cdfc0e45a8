"""What nobody foresaw in the supervisor, and names that are no UTF-8: clients are served on."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.lab import Lab, LinkClient
from tests.lab.packet import ACK, mac
from tests.lab.servers import FastDHCP
from tests.lab.wire import dora

from .conftest import eventually, lan

pytestmark = pytest.mark.net

BROKEN = """
import pathlib, sys
from fastdhcp.log import log
from fastdhcp.supervisor import follow, lookout, reload, serve, vitals

flag = pathlib.Path(sys.argv[1])

def breaking(work):
    def broken(*args):
        if flag.exists():
            raise LookupError("nobody foresaw this")
        return work(*args)
    return broken

vitals.kernel_drops = breaking(vitals.kernel_drops)
lookout.push_status = breaking(lookout.push_status)
follow.read_interfaces = breaking(follow.read_interfaces)
reload.load = breaking(reload.load)
sys.exit(serve.serve(sys.argv[-1]))
"""
TASKS = ("vitals", "status", "interfaces", "reload")


def broken(lab: Lab) -> tuple[FastDHCP, Path]:
    """A server in which each side task fails while the file is there."""
    script, flag = lab.folder / "broken.py", lab.folder / "flag"
    script.write_text(BROKEN)
    wrapper = [sys.executable, str(script), str(flag)]
    env = {"PYTHONPATH": str(Path.cwd())}
    return FastDHCP(lab, "server", lan(), wrapper=wrapper, env=env), flag


def names(server: FastDHCP) -> set[object]:
    alarms = server.status()["alarms"]
    assert isinstance(alarms, list)
    return {alarm["subject"] for alarm in alarms if alarm["name"] == "internal-error"}


def test_a_side_task_that_fails_is_counted_and_the_server_lives(
    lab: Lab, link: LinkClient
) -> None:
    server, flag = broken(lab)
    at = len(server.process.text())
    flag.touch()
    server.reload("internal-error task=reload")
    lab.ip("server", "address", "add", "10.77.0.9/22", "dev", "srv0")
    for task in TASKS:
        server.process.wait_for(f"internal-error task={task} .*nobody foresaw this", after=at)
        server.process.wait_for(f"alarm-on name=internal-error subject={task} ", after=at)
    assert server.command("reload").returncode == 1
    assert dora(link.ask, mac(1)).type == ACK

    at = len(server.process.text())
    flag.unlink()
    server.reload()
    for task in TASKS:
        server.process.wait_for(f"alarm-off name=internal-error subject={task} ", after=at)
    assert eventually(lambda: names(server) == set())
    assert server.metrics()["fastdhcp_internal_errors_total"] >= len(TASKS)
    assert dora(link.ask, mac(2)).type == ACK
    assert server.stop() == 0


NAME = b"br\xff\x1b1"
SHOWN = r"br\xff\x1b1"


@pytest.mark.parametrize("before", [True, False])
def test_an_interface_whose_name_is_no_utf_8_is_shown_escaped(
    lab: Lab, link: LinkClient, before: bool
) -> None:
    """There at the start, or later; in the log and over the channel to status and the API."""
    lab.netns("server")

    def make() -> None:
        name = os.fsdecode(NAME)
        lab.ip("server", "link", "add", name, "type", "bridge")
        lab.ip("server", "address", "add", "10.78.0.1/24", "dev", name)

    if before:
        make()
    server = FastDHCP(lab, "server", lan())
    if not before:
        make()
        line = server.process.wait_for("interfaces-changed interfaces=.*")[0]
        assert SHOWN in json.loads(line.split("=")[1].rpartition(" ")[0])

    def shown() -> bool:
        interfaces = server.status()["interfaces"]
        assert isinstance(interfaces, list)
        return [i["name"] for i in interfaces if "10.78.0.1/24" in i["addresses"]] == [SHOWN]

    assert eventually(shown)
    assert SHOWN in server.command("status").stdout
    assert dora(link.ask, mac(1)).type == ACK
    assert "internal-error" not in server.process.text()


def test_a_configuration_in_a_folder_whose_name_is_no_utf_8(lab: Lab, link: LinkClient) -> None:
    config = lan()
    folders = {key: str(lab.folder / key) for key in ("state-directory", "runtime-directory")}
    config["server"].update(folders)
    server = FastDHCP(lab, "server", config, name=os.fsdecode(b"et\xffc"))
    assert dora(link.ask, mac(1)).type == ACK
    assert r"/et\xffc/fastdhcp.toml" in str(server.status()["config"])
    assert server.command("reload").returncode == 0
    server.write({**config, "defaults": {"lease-time": "soon"}})
    done = server.command("reload")
    assert done.returncode == 1
    assert r"/et\xffc/fastdhcp.toml:" in done.stdout
    assert server.stop() == 0


def test_a_state_directory_whose_name_is_no_utf_8_is_refused_in_words(
    lab: Lab, link: LinkClient
) -> None:
    server = FastDHCP(lab, "server", lan(), name=os.fsdecode(b"et\xffc"), ready=False)
    assert server.process.wait(10) == 1
    assert "state-directory-failed" in server.process.text()
    assert "change server.state-directory" in server.process.text()
    assert "Traceback" not in server.process.text()
