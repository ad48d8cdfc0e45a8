"""reference.toml is a configuration, and says every key and every option that there is."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

import fastdhcp.config
from fastdhcp.config import check, load, schema
from fastdhcp.options import CONFIGURABLE

REFERENCE = Path(fastdhcp.config.__file__).parent / "reference.toml"
COMMENTS = REFERENCE.read_text()


def keys_of(kind: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


def test_it_is_a_configuration() -> None:
    errors, warnings = check(REFERENCE)
    assert errors == []
    assert {warning.text for warning in warnings} == {"not served yet"}
    assert {warning.key for warning in warnings} == set(schema.LATER)


def test_every_key_of_the_schema_is_in_it() -> None:
    raw = tomllib.loads(COMMENTS)
    assert set(raw) == keys_of(schema.File)
    assert set(raw["server"]) == keys_of(schema.Server)
    assert set(raw["control"]) == keys_of(schema.Control)
    assert set(raw["leasequery"]) == keys_of(schema.Leasequery)
    assert set(raw["defaults"]) == keys_of(schema.Scope)
    (subnet,) = raw["subnets"]
    assert set(subnet) == keys_of(schema.Subnet) - keys_of(schema.Scope) | {"options"}
    pools = [pool for pool in subnet["pools"] if isinstance(pool, dict)]
    assert any("range" in pool for pool in pools)
    written = set().union(*subnet["reservations"])
    assert written >= keys_of(schema.Reservation) - keys_of(schema.Scope)


def test_every_option_is_in_it() -> None:
    written = tomllib.loads(COMMENTS)["defaults"]["options"]
    assert {option.name for option in CONFIGURABLE} <= set(written)
    for option in CONFIGURABLE:
        line = next(line for line in COMMENTS.splitlines() if line.startswith(f"{option.name} ="))
        assert f"# {option.code}, RFC {option.rfc}".rstrip() in line


def test_the_defaults_that_it_names_are_the_defaults(tmp_path: Path) -> None:
    """A key that its comment calls by a value in quotes or a number has that default."""
    path = tmp_path / "empty.toml"
    path.write_text("")
    server, params = load(path).server, load(path).params
    named: dict[str, Any] = {
        'Default "0.0.0.0:67"': server.listen == ("0.0.0.0", 67),
        'Default "/var/lib/fastdhcp"': str(server.state_directory) == "/var/lib/fastdhcp",
        'Default "/run/fastdhcp"': str(server.runtime_directory) == "/run/fastdhcp",
        'Default "32M"': server.receive_buffer == 32 << 20,
        'Default "500us"': server.commit_delay_us == 500,
        'Default ["client-id", "hw-address"]': server.identity == ("client-id", "hw-address"),
        "at least 1000000": server.max_addresses == 1_000_000,
        'Default "4G"': server.journal_max_size == 4 << 30,
        'Default "1h"': params.lease_s == 3600,
        'Default "24h"': params.decline_s == 86400,
        "Default 64": params.reuse_grace_s == 64,
        "Default 60": params.offer_hold_s == 60,
    }
    assert all(named.values())
    assert [text for text in named if text not in COMMENTS] == []
