"""What comparisons become when they are drawn."""

from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from click.testing import CliRunner

from fastdhcp_bench.cli import bench
from fastdhcp_bench.plots import plots_of
from fastdhcp_bench.result import Comparison, latency_of, line_of
from tests.unit.test_bench_result import BASE, HOST, MINE, SETUP


def found(**changes: object) -> Comparison:
    return Comparison(
        setup=msgspec.structs.replace(SETUP, **changes),
        host=HOST,
        lines=[line_of(BASE, BASE), line_of(MINE, BASE)],
        latencies=[latency_of(asked, MINE) for asked in (1000, 2000)],
        rounds=[*BASE, *MINE],
    )


def test_rates_stand_where_the_files_differ() -> None:
    by_workers = [found(workers=2), found(workers=1), found(workers=2)]
    renewals = [found(mode="renew", clients=clients) for clients in (1000, 10)]
    plots = {plot.name: plot for plot in plots_of([*by_workers, *renewals])}
    assert plots["workers"].points == {
        "echo": [(1, 1500), (2, 1500)],
        "mine": [(1, 1750), (2, 1750)],
    }
    assert plots["leases"].points["echo"] == [(10, 1500), (1000, 1500)]


def test_seconds_of_others_are_a_line_of_their_own() -> None:
    (seconds,) = (plot for plot in plots_of([found()]) if plot.name == "seconds")
    assert seconds.points["mine"] == [(0, 900), (1, 1100)]
    assert seconds.points["mine, others at work"] == [(2, 10)]


def test_latencies_stand_at_the_rate_that_was_reached() -> None:
    (latency,) = (plot for plot in plots_of([found()]) if plot.name == "latency")
    assert latency.points["mine, p50"] == [(1750, 2.0)] * 2
    assert latency.points["mine, p99"] == [(1750, 9.0)] * 2


def test_what_has_two_places_is_drawn_and_what_has_not_is_named(tmp_path: Path) -> None:
    for workers in (1, 2):
        whole = msgspec.json.encode(found(workers=workers))
        (tmp_path / f"{workers}.json").write_bytes(whole)
    files = [str(path) for path in sorted(tmp_path.glob("*.json"))]
    done = CliRunner().invoke(bench, ["plot", *files, "--out", str(tmp_path / "plots")])
    assert done.exit_code == 0, done.output
    drawn = {path.name for path in (tmp_path / "plots").iterdir()}
    assert drawn == {"workers.svg", "seconds.svg"}
    assert "leases: not drawn" in done.stderr and "latency: not drawn" in done.stderr
    for name in drawn:
        svg = ElementTree.parse(tmp_path / "plots" / name).getroot()
        assert svg.tag.endswith("svg")
        words = "".join(svg.itertext())
        assert "mine" in words and "echo" in words
        scripts = svg.iter("{http://www.w3.org/2000/svg}script")
        assert not any("href" in key for script in scripts for key in script.attrib)


@pytest.mark.parametrize("text", ["", "{}", "no JSON"])
def test_a_file_that_is_no_comparison_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "it.json").write_text(text)
    done = CliRunner().invoke(bench, ["plot", str(tmp_path / "it.json")])
    assert done.exit_code == 1 and done.output.startswith("Error: ")
