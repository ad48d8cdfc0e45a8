"""How children are spawned."""

from pathlib import Path

import pytest

from fastdhcp.supervisor.children import Child


def test_a_child_imports_nothing_from_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lmdb.py").write_text("raise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    child = Child("store", 1)
    child.channel.close()  # it is told nothing, and ends well
    assert child._popen.wait(60) == 0
