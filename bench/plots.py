"""`fastdhcp bench plot`: what comparisons found, as curves in SVG.

Each FILE is what `compare --out` wrote. A plot has one line a contender: latency against rate
(from --curve), rate against workers and rate against clients that hold a lease (from files that
differ in them), and the exchanges of each second.
"""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import click
import msgspec

from fastdhcp_bench.moments import Moment
from fastdhcp_bench.result import Comparison, Line

Points = dict[str, list[tuple[float, float]]]
"""By contender, or what else a line stands for."""


class Plot(msgspec.Struct, frozen=True):
    """A plot by its file's name; ``logarithmic``: both axes are."""

    name: str
    title: str
    x: str
    y: str
    points: Points
    logarithmic: bool = False

    @property
    def drawn(self) -> bool:
        """Two places at least: of one there is no curve."""
        return any(len({x for x, _ in line}) > 1 for line in self.points.values())


def plots_of(comparisons: list[Comparison]) -> list[Plot]:
    """All kinds, those without enough points among them."""
    return [
        Plot("latency", "Latency against rate", "exchanges a second", "milliseconds",
             _latencies(comparisons), logarithmic=True),
        Plot("workers", "Rate against workers", "workers", "exchanges a second",
             _rates(comparisons, lambda found: found.setup.workers)),
        Plot("leases", "Renewals against leases", "clients that hold one", "exchanges a second",
             _rates([c for c in comparisons if c.setup.mode == "renew"],
                    lambda found: found.setup.clients), logarithmic=True),
        Plot("seconds", "Second by second", "second of the longest round", "exchanges",
             _seconds(comparisons)),
    ]  # fmt: skip


def _latencies(comparisons: Iterable[Comparison]) -> Points:
    points: Points = defaultdict(list)
    for comparison in comparisons:
        for found in comparison.latencies:
            points[f"{found.contender}, p50"].append((found.rate, found.p50_ms))
            points[f"{found.contender}, p99"].append((found.rate, found.p99_ms))
    return _sorted(points)


def _rates(comparisons: Iterable[Comparison], where: Callable[[Comparison], float]) -> Points:
    """The median, where several files have the same contender at the same place."""
    found: dict[str, dict[float, list[Line]]] = defaultdict(lambda: defaultdict(list))
    for comparison in comparisons:
        for line in comparison.lines:
            found[line.contender][where(comparison)].append(line)
    return _sorted(
        {
            name: [(x, statistics.median(line.rate for line in lines)) for x, lines in at.items()]
            for name, at in found.items()
        }
    )


def _seconds(comparisons: Iterable[Comparison]) -> Points:
    longest: dict[str, list[Moment]] = {}
    for comparison in comparisons:
        for made in comparison.rounds:
            if len(made.moments) > len(longest.get(made.contender, [])):
                longest[made.contender] = made.moments
    points: Points = {}
    for name, moments in longest.items():
        numbered = list(enumerate(moments))
        points[name] = [(n, moment.completed) for n, moment in numbered if moment.kept]
        points[f"{name}, others at work"] = [
            (n, moment.completed) for n, moment in numbered if not moment.kept
        ]
    return {name: line for name, line in points.items() if line}


def _sorted(points: Points) -> Points:
    return {name: sorted(line) for name, line in points.items()}


def draw(plot: Plot, folder: Path) -> Path:
    """The plot as a file of the folder. Raises ModuleNotFoundError without pygal."""
    import pygal

    chart = pygal.XY(
        title=plot.title, x_title=plot.x, y_title=plot.y, js=(), pretty_print=True,
        logarithmic=plot.logarithmic, xrange=None, legend_at_bottom=True, dots_size=3,
        range=None if plot.logarithmic else (0, _highest(plot.points)),
    )  # fmt: skip
    for name, line in plot.points.items():
        chart.add(name, line, stroke="others at work" not in name)
    path = folder / f"{plot.name}.svg"
    path.write_bytes(chart.render())
    return path


def _highest(points: Points) -> float:
    return max(y for line in points.values() for _, y in line)


@click.command("plot")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out", default=".", type=click.Path(file_okay=False, path_type=Path), show_default=True,
    help="Folder for the plots.",
)  # fmt: skip
def plot(files: tuple[Path, ...], out: Path) -> None:
    """Draw what FILES (`compare --out FILE`) have: latency, workers, leases, seconds, as SVG."""
    try:
        comparisons = [msgspec.json.decode(file.read_bytes(), type=Comparison) for file in files]
        out.mkdir(parents=True, exist_ok=True)
        for found in plots_of(comparisons):
            if found.drawn:
                click.echo(draw(found, out))
            else:
                click.echo(f"{found.name}: not drawn, all is at one place of {found.x}", err=True)
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error}; pip install 'fastdhcp[bench]'") from error
    except (OSError, msgspec.MsgspecError) as error:
        raise click.ClickException(str(error)) from error
