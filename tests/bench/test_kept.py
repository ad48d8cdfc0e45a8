"""Figures that are kept: told apart by what made them, and judged only against their own."""

import json
from pathlib import Path

import pytest

import fastdhcp
from tests.bench.instructions import CASES
from tests.bench.kept import FILE, Toolchain, keep, kept, risen, toolchain

GCC = Toolchain("gcc 12.2.0", "-O2", "glibc 2.36", "x86_64")
CLANG = Toolchain("clang 16", "-O2", "glibc 2.36", "x86_64")


def test_figures_of_each_toolchain_stand_side_by_side(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    file.write_text("[]")
    keep(GCC, {"a": 100.4}, file)
    keep(CLANG, {"a": 70.0}, file)
    keep(GCC, {"a": 110.0}, file)
    assert (kept(GCC, file), kept(CLANG, file)) == ({"a": 110}, {"a": 70})
    assert kept(Toolchain("gcc 13", "-O2", "glibc 2.36", "x86_64"), file) is None


def test_a_rise_over_five_per_cent_is_told() -> None:
    before = {"a": 1000.0, "b": 1000.0, "gone": 1.0}
    assert risen({"a": 1050.0, "b": 900.0, "new": 5.0}, before) == []
    assert risen({"a": 1051.0, "b": 1000.0}, before) == [
        "a: 1051 instructions, 1000 before (+5.1%; at most +5%)"
    ]


def test_a_compiled_module_says_what_it_was_made_with(tmp_path: Path) -> None:
    (module,) = Path(fastdhcp.__file__).parent.glob("_handle.*.so")
    found = toolchain(module)
    assert found.compiler.startswith("gcc ")
    assert found.optimization.startswith("-O")
    other = tmp_path / "none.so"
    other.write_bytes(b"\x7fELF")
    with pytest.raises(ValueError, match="does not say"):
        toolchain(other)


def test_the_file_has_every_case() -> None:
    found = json.loads(FILE.read_text())
    assert found
    for one in found:
        assert set(one["instructions"]) == set(CASES)
        assert Toolchain(**one["toolchain"])
