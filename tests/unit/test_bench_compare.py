"""How servers are started side by side, and how their figures are judged."""

import json
import os
import time
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import fastdhcp_bench.compare
from fastdhcp_bench.compare import main as compare
from fastdhcp_bench.contenders import CONTENDERS, DHCPD_LAST, Contender, find_contender
from fastdhcp_bench.floor import judge
from fastdhcp_bench.machine import Sample
from fastdhcp_bench.network import POOL, POOL_SIZE
from fastdhcp_bench.result import Round
from fastdhcp_bench.rounds import ContenderError
from fastdhcp_bench.setup import Setup
from fastdhcp_bench.witness import read
from tests.unit.test_bench_result import one


@pytest.mark.parametrize("name", CONTENDERS)
def test_a_contender_fills_in_its_folder_and_its_workers(name: str, tmp_path: Path) -> None:
    command = find_contender(name).prepare(tmp_path, workers=3)
    texts = [*command, *(file.read_text() for file in tmp_path.iterdir())]
    assert not any("{directory}" in text or "{workers}" in text for text in texts)


@pytest.mark.parametrize(("name", "durability"), [("durable", "commit"), ("async", "async")])
def test_fastdhcp_is_configured_in_its_own_folder(
    name: str, durability: str, tmp_path: Path
) -> None:
    find_contender(name).prepare(tmp_path, workers=3)
    server = tomllib.loads((tmp_path / "fastdhcp.toml").read_text())["server"]
    assert server["durability"] == durability and server["workers"] == 3
    assert Path(server["state-directory"]).parent == tmp_path


def test_fastdhcp_is_told_when_the_link_takes_trains_whole(tmp_path: Path) -> None:
    for trains in ("auto", "always"):
        find_contender("durable").prepare(tmp_path, 2, trains=trains)
        assert tomllib.loads((tmp_path / "fastdhcp.toml").read_text())["server"]["trains"] == trains


def test_kea_is_given_json(tmp_path: Path) -> None:
    find_contender("kea").prepare(tmp_path, workers=1)
    assert json.loads((tmp_path / "kea.json").read_text())["Dhcp4"]["subnet4"]


def test_any_command_can_contend(tmp_path: Path) -> None:
    contender = find_contender("mine=serve --workers {workers} --state '{directory}/a b'")
    assert contender.name == "mine"
    assert contender.prepare(tmp_path, 2) == [
        "serve",
        "--workers",
        "2",
        "--state",
        f"{tmp_path}/a b",
    ]


@pytest.mark.parametrize("text", ["", "nobody", "mine=", "mine= "])
def test_an_unknown_contender_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="NAME=COMMAND"):
        find_contender(text)


@pytest.mark.parametrize(
    ("contender", "rate", "cpu", "errors", "missed"),
    [
        ("durable", 0.40, 2.2, 0, []),
        ("durable", 0.39, 2.2, 0, ["rate"]),
        ("durable", 0.40, 2.3, 0, ["CPU"]),
        ("durable", 0.9, 1.0, 1, ["1"]),
        ("async", 0.55, 9.9, 0, []),
        ("async", 0.54, 1.0, 0, ["rate"]),
        ("echo", 0.0, 9.9, 9, []),
    ],
)
def test_the_floor(contender: str, rate: float, cpu: float, errors: int, missed: list[str]) -> None:
    verdicts = judge(contender, rate, cpu, errors)
    assert [text.split()[1] for text, holds in verdicts if not holds] == missed


@pytest.mark.parametrize(("slowest", "held"), [(0.85, True), (0.84, False)])
def test_of_a_minute_no_second_may_be_slow(slowest: float, held: bool) -> None:
    verdicts = dict(judge("durable", 0.9, 1.0, 0, slowest))
    assert verdicts[f"durable: slowest second {slowest} of the mean, at least 0.85"] == held
    assert not any("slowest" in text for text, _ in judge("durable", 0.9, 1.0, 0))


@pytest.mark.parametrize("option", ["--latency", "--overload"])
def test_wrong_answers_under_a_rate_are_named_too(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(contender: Contender, setup: Setup) -> Round:
        return one(contender.name, 1000, 8.0, errors={"address-twice": 7} if setup.rate else {})

    monkeypatch.setattr(fastdhcp_bench.compare, "measure_once", measured)
    said = CliRunner().invoke(compare, ["echo", "durable", "--rounds", "1", option])
    assert "ERROR address-twice: 7" in said.output
    assert said.exit_code == 1


def test_dhcpd_is_given_both_networks(tmp_path: Path) -> None:
    """It answers nobody by an interface for whose network it has no subnet."""
    find_contender("dhcpd").prepare(tmp_path, workers=1)
    text = (tmp_path / "dhcpd.conf").read_text()
    assert "subnet 192.168.87.0 netmask 255.255.255.0 { }" in text
    assert f"range {POOL[0]} {DHCPD_LAST};" in text
    assert (tmp_path / "dhcpd.leases").read_text() == ""


PERFDHCP = """
***Rate statistics***
Rate: 98.5 4-way exchanges/second, expected rate: 100
***Statistics for: DISCOVER-OFFER***
sent packets: 500
received packets: 499
drops: 1

min delay: 0.1 ms
avg delay: 0.25 ms
max delay: 1.9 ms
***Statistics for: REQUEST-ACK***
sent packets: 499
received packets: 498

min delay: 0.1 ms
avg delay: 1.5 ms
"""


def test_perfdhcp_is_read_by_its_words() -> None:
    assert read(PERFDHCP) == ([500, 499], [499, 498], [0.25, 1.5])


@pytest.mark.parametrize("text", ["", "Invalid option", PERFDHCP.replace("500", "0"),
                                  PERFDHCP.partition("REQUEST")[0]])  # fmt: skip
def test_a_perfdhcp_that_counted_nothing_is_no_witness(text: str) -> None:
    with pytest.raises(ContenderError, match=r"perfdhcp \(Debian: kea-admin\) counted nothing"):
        read(text)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--storm", "--overload"], "an open loop"),
        (["--storm", "--curve"], "an open loop"),
        (["--frames", "--broadcast"], "one of them"),
        (["--frames", "--mode", "renew"], "behind relay agents"),
        (["--broadcast", "--witness"], "behind relay agents"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(compare, arguments)
    assert done.exit_code == 2 and said in done.output


def test_a_sample_is_of_the_whole_machine_and_of_oneself() -> None:
    before, began = Sample.take(), time.monotonic()
    while time.process_time() and time.monotonic() < began + 0.3:
        pass
    spent, took = Sample.take() - before, time.monotonic() - began
    assert 0 < spent.own <= took + 0.05
    assert spent.total <= (os.cpu_count() or 1) * took + 0.2
    assert spent.idle + spent.softirq <= spent.total + 1e-6


def test_the_pool_has_an_address_for_each_of_a_million() -> None:
    first, last = (int.from_bytes(map(int, address.split("."))) for address in POOL)
    assert last - first + 1 == POOL_SIZE > 1_000_000
