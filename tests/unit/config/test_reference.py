"""reference.toml is a configuration, and says every key and every option that there is.

Keys are rows of the model: what a row says of a key, its paragraph in reference.toml says too. A
key that is added there alone, or read by nobody, is found here.
"""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import fastdhcp
from fastdhcp.config import check, later, schema
from fastdhcp.config.keys import (
    ADDRESS_LEVELS,
    LEVELS,
    LINK_LEVELS,
    NUMBER,
    SIZE,
    TEXTS,
    TRUTH,
    Key,
    keys_of,
)
from fastdhcp.config.model import Control, Params, Relays, Server
from fastdhcp.config.values import size_text
from fastdhcp.options import CONFIGURABLE

PACKAGE = Path(fastdhcp.__file__).parent
REFERENCE = PACKAGE / "config" / "reference.toml"
COMMENTS = REFERENCE.read_text()
TABLES: dict[str, type] = {
    "server": Server, "control": Control, "defaults": Params, "relays": Relays,
}  # fmt: skip
LATER: dict[str, type] = {
    "server": later.ServerKeys, "control": later.ControlKeys, "leasequery": later.LeasequeryKeys,
    "defaults": later.ScopeKeys, "[subnets]": later.SubnetKeys,
    "log": later.LogKeys, "history": later.HistoryKeys, "failover": later.FailoverKeys,
    "failover.witness": later.WitnessKeys, "[limits]": later.LimitKeys,
}  # fmt: skip
ROWS = [
    pytest.param(table, field, key, id=f"{table}.{key.name}")
    for table, model in [*TABLES.items(), *LATER.items()]
    for field, key in keys_of(model).items()
]


def keys_of_table(kind: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


def paragraph(table: str, key: str) -> str:
    """What reference.toml says of a key: the text between empty lines that it stands in."""
    _, _, rest = COMMENTS.partition(f"\n[{table}]\n")
    for text in rest.split("\n\n"):
        if any(line.startswith(f"{key} =") for line in text.split("\n")):
            return text
        if "\n[" in text:
            break
    raise AssertionError(f"reference.toml has no line `{key} = ...` in [{table}]")


def flat(text: str) -> str:
    return " ".join(line.removeprefix("#").strip() for line in text.split("\n"))


def test_it_is_a_configuration() -> None:
    errors, warnings = check(REFERENCE)
    assert errors == []
    said = {warning.key: warning.text for warning in warnings}
    for key in ("include", "reservation-files"):
        assert said.pop(f"server.{key}[0]").startswith("no file matches")
    assert set(said.values()) == {later.NOT_SERVED}
    rows = [row.values for row in ROWS if row.values[2].later]
    keys = {
        f"{table}.{key.name}".replace("[subnets]", "subnets[0]")
        for table, _, key in rows
        if LATER[table] in later.MODELS
    }
    assert set(said) == {*later.TABLES, *keys}


def test_every_key_of_the_schema_is_in_it() -> None:
    raw = tomllib.loads(COMMENTS)
    assert set(raw) == keys_of_table(schema.File)
    assert set(raw["server"]) == keys_of_table(schema.Server)
    assert set(raw["control"]) == keys_of_table(schema.Control)
    assert set(raw["leasequery"]) == keys_of_table(schema.Leasequery)
    assert set(raw["log"]) == keys_of_table(schema.Log)
    assert set(raw["history"]) == keys_of_table(schema.History)
    assert set(raw["failover"]) == keys_of_table(schema.Failover)
    assert set(raw["failover"]["witness"]) == keys_of_table(schema.Witness)
    assert set(raw["limits"][0]) == keys_of_table(schema.Limit)
    assert set(raw["defaults"]) == keys_of_table(schema.Defaults)
    scope = keys_of_table(schema.Defaults)
    assert set(raw["relays"]) == keys_of_table(schema.Relays)
    assert set(raw["relays"]["agents"][0]) == keys_of_table(schema.RelayAgent)
    assert set(raw["vrfs"][0]) == keys_of_table(schema.Vrf)
    (link,) = raw["shared-networks"]
    assert set(link) >= keys_of_table(schema.SharedNetwork) - scope | {"options"}
    (subnet,) = raw["subnets"]
    assert set(subnet) == keys_of_table(schema.Subnet) - scope | {"options"}
    (found,) = raw["classes"]
    assert set(found) >= keys_of_table(schema.Class) - scope | {"options"}
    assert {"class", "options"} < set(subnet["when"][0])
    pools = [pool for pool in subnet["pools"] if isinstance(pool, dict)]
    assert any("range" in pool for pool in pools)
    written = set().union(*subnet["reservations"])
    assert written >= keys_of_table(schema.Reservation) - scope - {schema.OTHERS}
    anywhere = set().union(*raw["reservations"])
    assert anywhere >= {"vrf", "classes"}


def test_every_option_is_in_it() -> None:
    written = tomllib.loads(COMMENTS)["defaults"]["options"]
    assert {option.name for option in CONFIGURABLE} <= set(written)
    for option in CONFIGURABLE:
        line = next(line for line in COMMENTS.splitlines() if line.startswith(f"{option.name} ="))
        rfc = f", RFC {option.rfc}" if option.rfc else ""
        assert f"# {option.code}{rfc}" in line


@pytest.mark.parametrize(("table", "field", "key"), ROWS)
def test_it_says_what_the_row_says(table: str, field: str, key: Key) -> None:
    text = flat(paragraph(table, key.name))
    default = "" if key.default is None else f" {json.dumps(key.default)}"
    assert f"Default{default}" in text
    assert ("[no HUP]" in text) == key.restart
    assert ("ot served yet" in text) == key.later
    assert ("[link]" in text) == (key.levels == LINK_LEVELS)
    assert ("[address]" in text) == (key.levels == ADDRESS_LEVELS)
    if key.kind in (SIZE, NUMBER):
        low, high = (size_text(n) if key.kind is SIZE else str(n) for n in key.limits)
        assert f"{low} to {high}" in text


@pytest.mark.parametrize("key", [row.values[2] for row in ROWS if row.values[2].kind is not TRUTH])
def test_a_reader_refuses_what_is_no_value(key: Key) -> None:
    """Whatever is of the right type: `ping-time = "nonsense"` is no time."""
    nonsense = [""] if key.kind is TEXTS else -1 if key.kind is NUMBER else "\0"
    with pytest.raises(ValueError, match="write"):
        key.read(nonsense)


def _read_of(path: Path) -> Iterator[tuple[str, str]]:
    """What is read of something, by the last word that names it: `config.server.listen`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            of = node.value
            name = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")
            yield name, node.attr


def _read_of_scopes() -> set[str]:
    """The values of scopes are read by compiled code, by the fields of a struct."""
    text = "\n".join(path.read_text() for path in PACKAGE.glob("*.pyx"))
    fields = set(re.findall(r"\bparams\)?\.(\w+)", text))
    flags = {name.lower() for name in re.findall(r"\bPARAMS_(\w+)", text)}
    return flags | {field.removesuffix("_at") for field in fields}


def test_every_key_is_read_by_somebody_or_is_said_to_be_not_served() -> None:
    read = {("defaults", name) for name in _read_of_scopes()}
    for path in PACKAGE.rglob("*.py"):
        if path.name != "model.py":
            read |= set(_read_of(path))
    rows = [
        (table, field, key)
        for table, model in [*TABLES.items(), *LATER.items()]
        for field, key in keys_of(model).items()
    ]
    unread = {key.name for table, field, key in rows if (table, field) not in read}
    later = {key.name for _, _, key in rows if key.later}
    assert unread - later == set(), "nobody reads it: use it, or mark its row as `later`"
    assert later - unread == set(), "it is read: its row is not `later` any more"


def test_every_key_that_is_no_row_is_read() -> None:
    """Subnets, pools and so on: what gives things their place."""
    words: set[object] = set()
    for path in (PACKAGE / "config").glob("*.py"):
        if path.name != "schema.py":
            nodes = list(ast.walk(ast.parse(path.read_text())))
            words |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
            words |= {node.value for node in nodes if isinstance(node, ast.Constant)}
    tables = (
        schema.File, schema.Server, schema.Subnet, schema.Pool, schema.Reservation,
        schema.SharedNetwork, schema.Relays, schema.RelayAgent, schema.Vrf, schema.Class,
        schema.When,
    )  # fmt: skip
    models = [*TABLES.values(), *later.MODELS]
    rows = {key.attribute for model in models for key in keys_of(model).values()}
    places = {field for table in tables for field in table.__struct_fields__} - rows
    assert places - words - set(later.TABLES) == set()


SCOPES = (
    schema.Defaults, schema.SharedNetwork, schema.Subnet, schema.Pool, schema.Class, schema.When,
    schema.Reservation,
)  # fmt: skip


@pytest.mark.parametrize(("level", "table"), list(zip(LEVELS, SCOPES, strict=True)))
def test_a_level_has_the_keys_that_belong_to_it(level: str, table: type[msgspec.Struct]) -> None:
    wanted = {key.name for key in keys_of(Params).values() if level in key.levels}
    assert keys_of_table(table) >= wanted | {"options"}
    others = {key.name for key in keys_of(Params).values()} - wanted
    assert not keys_of_table(table) & others
