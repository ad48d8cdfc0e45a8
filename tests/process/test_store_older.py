"""Stores of older versions are read, go on, and are refused by those versions from then on."""

import gzip
import json
from pathlib import Path

import pytest

from fastdhcp.store.database import FORMAT
from tests.store_rig import NETWORK, Rig

STORES = Path(__file__).resolve().parent.parent / "stores"
OLDER = sorted(path.name.removesuffix(".mdb.gz") for path in STORES.glob("*.mdb.gz"))
OTHER = NETWORK + 60000


def plain(value):
    """As JSON has it."""
    if isinstance(value, bytes):
        return value.hex()
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("name", OLDER)
def test_a_store_of_an_older_version_goes_on(tmp_path, name):
    with Rig(tmp_path) as rig:
        leases = rig.state / "leases"
        leases.mkdir(parents=True)
        (leases / "data.mdb").write_bytes(gzip.decompress((STORES / f"{name}.mdb.gz").read_bytes()))
        before = rig.disk()
        assert before.format < FORMAT and before.run != rig.segments.segment_id
        rig.start()
        records = rig.records()
        wanted = json.loads((STORES / f"{name}.json").read_text())
        assert sorted(plain(list(records.items()))) == wanted
        assert rig.disk().format == FORMAT
        rig.wait_durable(rig.bind(OTHER))
        records = rig.records()
        rig.kill()
        rig.start()  # attached: how far the rings are on disk stands in the new batch
        assert rig.disk().run == rig.segments.segment_id
        rig.kill()
        rig.new_segments()
        rig.start()
        assert rig.records() == records
