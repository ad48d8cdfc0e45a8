"""The procedures of docs/INSTALL.md that must not be tried for the first time in an emergency."""

import shutil
import signal
from pathlib import Path

import pytest

from fastdhcp.exits import EXIT_DATA
from fastdhcp.store.database import FORMAT, META_FORMAT, Database
from tests.lab import Lab, LinkClient, build
from tests.lab.packet import ACK, REQUEST, mac
from tests.lab.servers import FastDHCP
from tests.lab.wire import dora

from .conftest import lan

pytestmark = pytest.mark.net


def held(server: FastDHCP) -> dict[object, object]:
    rows = [lease for lease in server.leases() if lease["state"] == "active"]
    return {row["address"]: (row["hw-address"], row["expires"]) for row in rows}


def back_up(lab: Lab, server: FastDHCP) -> Path:
    """As INSTALL.md has it: while the server runs."""
    copy = lab.folder / "backup"
    copy.mkdir()
    source = str(server.folder / "state" / "leases")
    done = lab.run("server", ["mdb_copy", source, str(copy)], timeout=20)
    assert done.returncode == 0, done.stderr
    return copy


def test_a_backup_of_a_running_server_gives_every_lease_back(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan())
    addresses = {n: dora(link.ask, mac(n)).yiaddr for n in range(20)}
    before = held(server)
    assert len(before) == 20
    copy = back_up(lab, server)
    server.process.stop(signal.SIGKILL)
    shutil.rmtree(server.folder / "state")
    leases = server.folder / "state" / "leases"
    leases.mkdir(parents=True)
    shutil.copy(copy / "data.mdb", leases)
    restored = FastDHCP(lab, "server", lan())
    assert held(restored) == before
    for n, address in addresses.items():
        ack = link.exchange(build(REQUEST, mac(n), 7, options={50: address})).message
        assert (ack.type, ack.yiaddr) == (ACK, address)
    assert dora(link.ask, mac(99)).yiaddr not in addresses.values()


def test_a_store_of_a_newer_version_is_refused_in_words(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan())
    dora(link.ask, mac(1))
    assert server.stop() == 0
    database = Database(server.folder / "state" / "leases")
    with database.write() as transaction:
        transaction.put_meta(META_FORMAT, FORMAT + 1)
    database.close()
    older = FastDHCP(lab, "server", lan(), ready=False)
    older.process.wait_for("written by a newer fastdhcp", timeout=10)
    assert "Run that version" in older.process.text()
    assert older.process.wait(10) == EXIT_DATA
    assert " ready " not in older.process.text()
