"""The reference policy of `fastdhcp bench compare`: as large as it is said to be, and good."""

from pathlib import Path

from fastdhcp.config import load
from fastdhcp_bench.cli import _lists
from fastdhcp_bench.contenders import find_contender
from fastdhcp_bench.ledger import chaddr_of
from fastdhcp_bench.policy import MESSAGES, RESERVATIONS, RESERVED_EACH, SUBNETS


def test_it_is_as_large_as_it_is_said_to_be(tmp_path: Path) -> None:
    find_contender("reference").prepare(tmp_path, workers=2)
    configuration = load(tmp_path / "fastdhcp.toml")
    assert len(configuration.subnets) == SUBNETS == 200
    assert len(configuration.classes) == 5
    layers = [configuration.options, *(subnet.options for subnet in configuration.subnets)]
    layers += [found.options for found in configuration.classes]
    written = {code for layer in layers for code in layer if not layer[code].implied}
    assert len(written) == 12
    assert configuration.warnings == ()


def test_its_clients_say_what_it_reads() -> None:
    lists = [MESSAGES[i + 1] for i, name in enumerate(MESSAGES) if name == "--request-list"]
    assert len(set(_lists(tuple(lists)))) == 3
    size = int(MESSAGES[MESSAGES.index("--circuit-id-size") + 1])
    assert size + 2 == 60  # with code and length of the sub-option


def test_every_sixth_client_is_reserved(tmp_path: Path) -> None:
    find_contender("reference").prepare(tmp_path, workers=2)
    text = (tmp_path / "fastdhcp.toml").read_text()
    assert text.count("[[subnets.reservations]]") == RESERVATIONS == 10_000
    for client in (0, RESERVED_EACH, RESERVED_EACH * (RESERVATIONS - 1)):
        assert f'"{chaddr_of(client).hex(":")}"' in text
