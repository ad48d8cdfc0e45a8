"""The package: what the source package and the wheel carry, and that it runs where it is installed.

Built once, from a copy of what git knows, without network and without optimisation.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from tests.test_source import ROOT, tracked

pytestmark = [pytest.mark.net, pytest.mark.timeout(900)]

NOT_PACKED = {".gitignore"}
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
QUIET = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
"""For pip: what the package needs comes from the tests' own environment, by a .pth."""


def run(argv, cwd, **env):
    """What a program of a clean environment says; the environment's paths are not the tests'."""
    ours = ("FASTDHCP_", "PYTHON", "MAKE")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return subprocess.run(
        argv, cwd=cwd, env=clean | env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The project as somebody gets it, with nothing built."""
    folder = tmp_path_factory.mktemp("package") / "fastdhcp"
    for path in tracked(""):
        place = folder / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, place)
    return folder


@pytest.fixture(scope="module")
def packages(copy):
    """The source package, the wheel that was built from it, and what the build said."""
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist"]
    done = run(build, copy, CFLAGS="-O0 -g0")
    assert done.returncode == 0, done.stdout[-4000:]
    (sdist,) = (copy / "dist").glob("*.tar.gz")
    (wheel,) = (copy / "dist").glob("*.whl")
    return sdist, wheel, done.stdout


@pytest.fixture(scope="module")
def prefix(copy, packages, tmp_path_factory):
    """`make install` into a place of its own: what is there then."""
    root = tmp_path_factory.mktemp("root")
    done = run(
        ["make", "install", *places(root), f"WHEEL={packages[1]}", f"PYTHON={sys.executable}"],
        copy, **QUIET,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    (site,) = (root / "opt/lib").glob("python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return root


def places(root):
    return [f"PREFIX={root}/opt", f"UNITS={root}/units", f"SYSUSERS={root}/sysusers"]


def names_in(wheel):
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_source_package_carries_the_whole_project(packages, copy):
    with tarfile.open(packages[0]) as archive:
        packed = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
    project = {str(path.relative_to(ROOT)) for path in tracked("")} - NOT_PACKED
    made = {"PKG-INFO", "setup.cfg"}
    assert sorted(project - packed) == []
    assert [n for n in sorted(packed - project - made) if ".egg-info/" not in n] == []


def test_the_wheel_has_every_module_compiled_and_none_of_the_tests(packages):
    wanted = set()
    for path in tracked(".py", ".pyx", ".pyi", ".toml", "py.typed"):
        name = str(path.relative_to(ROOT))
        if name.startswith(("fastdhcp/", "bench/")):
            name = name.replace("bench/", "fastdhcp_bench/", 1)
            wanted.add(name.removesuffix(".pyx") + SUFFIX if name.endswith(".pyx") else name)
    names = names_in(packages[1])
    assert sorted(wanted - names) == []
    assert [n for n in names if n.startswith("tests") or n.endswith((".pyx", ".c"))] == []


def test_a_first_build_says_what_takes_its_time(packages):
    count = sum(name.endswith(SUFFIX) for name in names_in(packages[1]))
    assert f"Translating {count} modules from Cython to C ..." in packages[2]
    assert f"Compiling {count} modules (about a minute) ..." in packages[2]


def test_the_demo_runs_where_the_wheel_is_installed(prefix, tmp_path):
    demo = [f"{prefix}/opt/bin/fastdhcp", "demo", "--seconds", "4", "--clients", "20"]
    with tempfile.TemporaryDirectory(dir="/tmp") as short:  # a socket's path has 107 octets
        done = run([*demo, "--storm", "200"], tmp_path, TMPDIR=short)
    assert done.returncode == 0, done.stdout
    assert "20 leases given" in done.stdout
    where = "import fastdhcp, fastdhcp_bench as b; print(fastdhcp.__file__, b.__file__)"
    files = run([f"{prefix}/opt/bin/python", "-c", where], tmp_path).stdout.split()
    assert [Path(file).is_relative_to(prefix / "opt") for file in files] == [True, True]


def test_the_unit_names_what_is_installed(prefix):
    unit = (prefix / "units/fastdhcp.service").read_text()
    commands = [line.partition("=")[2] for line in unit.split("\n") if line.startswith("ExecStart")]
    assert [command.split()[0] for command in commands] == [f"{prefix}/opt/bin/fastdhcp"] * 2
    assert os.access(commands[0].split()[0], os.X_OK)
    assert "@" not in unit
    assert (prefix / "sysusers/fastdhcp.conf").read_text().count("\nu fastdhcp ") == 1


def test_uninstall_takes_away_what_install_put_there_and_nothing_else(copy, tmp_path):
    for name in ("opt/bin/fastdhcp", "opt/pyvenv.cfg", "units/fastdhcp.service", "units/other",
                 "sysusers/fastdhcp.conf"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    done = run(["make", "uninstall", *places(tmp_path)], copy)
    assert done.returncode == 0, done.stdout
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()] == [
        "units/other"
    ]
    again = run(["make", "uninstall", *places(tmp_path)], copy)
    assert again.returncode != 0
    assert f'no fastdhcp in "{tmp_path}/opt"' in again.stdout


@pytest.mark.parametrize("prefix", ["opt/fastdhcp", "/opt/fast dhcp", ""])
def test_a_prefix_that_cannot_stand_in_a_unit_is_refused(prefix):
    done = run(["packaging/install", prefix, "none.whl"], ROOT)
    assert done.returncode == 2
    assert "PREFIX is a path from the root" in done.stdout


@pytest.mark.parametrize("gone", ["fastdhcp/_engine.pyx", "fastdhcp/*.pyx", "bench/*.pyx"])
def test_a_build_without_all_sources_fails_and_names_them(copy, tmp_path, gone):
    folder = tmp_path / "incomplete"
    shutil.copytree(copy, folder, ignore=shutil.ignore_patterns("dist", "build"))
    for path in folder.glob(gone):
        path.unlink()
    done = run([sys.executable, "setup.py", "-q", "bdist_wheel"], folder)
    assert done.returncode != 0
    assert "This copy of fastdhcp is incomplete" in done.stdout
    assert gone.replace("*.pyx", "") in done.stdout


def test_a_wheel_without_compiled_modules_is_not_built(copy):
    done = run([sys.executable, "setup.py", "-q", "bdist_wheel"], copy, FASTDHCP_COMPILE="0")
    assert done.returncode != 0
    assert "FASTDHCP_COMPILE=0 is for an editable install" in done.stdout
