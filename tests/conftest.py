"""The tests' common ground: the lab fixture, what needs real root, the bench package's name, and
turns where tests run side by side (`pytest -n 2 --dist loadfile`).
"""

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fastdhcp
from tests.lab import Lab, namespaces
from tests.turns import Turns

ROOT = Path(__file__).resolve().parent.parent

_failed_entry = pytest.StashKey[str]()
_turns = pytest.StashKey[Turns]()
LEFT_OUT = "left out, needs real root: "


def _alias_bench() -> None:
    """bench/ is installed as fastdhcp_bench; in a source tree it is found under that name too."""
    if importlib.util.find_spec("fastdhcp_bench") is not None:
        return
    spec = importlib.util.spec_from_file_location(
        "fastdhcp_bench",
        ROOT / "bench" / "__init__.py",
        submodule_search_locations=[str(ROOT / "bench")],
    )
    if spec and spec.loader:
        module = importlib.util.module_from_spec(spec)
        sys.modules["fastdhcp_bench"] = module
        spec.loader.exec_module(module)


_alias_bench()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--servers",
        default="fastdhcp",
        help="servers under test in tests/net, by commas: fastdhcp, dnsmasq, kea",
    )
    parser.addoption(
        "--without-trains", action="store_true", help="links take trains whole, so none leave"
    )
    parser.addoption(
        "--long", action="store_true", help="full counts and times where a test has a short form"
    )


def pytest_configure(config: pytest.Config) -> None:
    Lab.trains = not config.option.without_trains
    if getattr(config.option, "numprocesses", None):
        _enter(config)  # for those that are started now: each has several threads at once
    if hasattr(config, "workerinput"):
        # readline, which pytest has loaded, leaves a terminal's size to what it starts.
        for name in ("COLUMNS", "LINES"):
            os.environ.pop(name, None)
        config.stash[_turns] = Turns(ROOT / "build" / "turns")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Without root, all goes on in a user namespace if one of the tests needs the network."""
    if any(item.get_closest_marker("net") for item in session.items):
        _enter(session.config)


def _enter(config: pytest.Config) -> None:
    if config.option.collectonly:
        return
    try:
        namespaces.enter()
    except OSError as error:
        config.stash[_failed_entry] = (
            f"no root and no user namespace ({error}): run as root, or allow unprivileged user "
            "namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_"
            "userns=0)"
        )


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("net") and _failed_entry in item.config.stash:
        pytest.fail(item.config.stash[_failed_entry])
    marker = item.get_closest_marker("root")
    if marker and not namespaces.is_root():
        pytest.skip(f"{LEFT_OUT}{marker.args[0]}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """What must be alone waits for the others, before its own time begins to count."""
    alone = item.get_closest_marker("alone") is not None
    turns = item.config.stash.get(_turns, None)
    with turns.turn(alone=alone) if turns else contextlib.nullcontext():
        return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    whys = [(report.nodeid, str(report.longrepr[2]).partition(LEFT_OUT)[2]) for report in skipped]
    if any(why for _, why in whys):
        terminalreporter.section("left out in a user namespace, without real root")
    for name, why in whys:
        if why:
            terminalreporter.line(f"{name}: {why}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """The logs of what the test started stand in the report of its failure."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if not report.failed:
        return
    for value in getattr(item, "funcargs", {}).values():
        lab = getattr(value, "lab", value)
        if isinstance(lab, Lab):
            report.sections.append(("processes of the lab", lab.logs()))
            return


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


@pytest.fixture
def bench_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``python -m fastdhcp_bench.X`` works in what a test starts."""
    folder = tmp_path / "packages"
    folder.mkdir()
    import fastdhcp_bench

    for package in (fastdhcp, fastdhcp_bench):
        assert package.__file__ is not None
        (folder / package.__name__).symlink_to(Path(package.__file__).parent)
    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{before}" if before else str(folder))
