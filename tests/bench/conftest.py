"""Programs of the bench, started as processes from a tree that is not installed."""

import os
from pathlib import Path

import pytest

import fastdhcp
import fastdhcp_bench


@pytest.fixture
def bench_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``python -m fastdhcp_bench.X`` works in what a test starts."""
    folder = tmp_path / "packages"
    folder.mkdir()
    for package in (fastdhcp, fastdhcp_bench):
        assert package.__file__ is not None
        (folder / package.__name__).symlink_to(Path(package.__file__).parent)
    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{before}" if before else str(folder))
