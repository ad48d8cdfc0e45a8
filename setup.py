"""The compiled part of fastdhcp: the list of extensions and how they are compiled.

FASTDHCP_DEBUG=1     bounds, None and wraparound checks on (slow; for tests)
FASTDHCP_SANITIZE=1  address and undefined-behaviour sanitizers; run under
                     LD_PRELOAD=$(gcc -print-file-name=libasan.so)
FASTDHCP_COMPILE=0   compiles nothing: for an editable install of what is compiled in place
CFLAGS               an -O in it takes the place of -O2
"""

import os
import re
import sys
from pathlib import Path
from typing import Any

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

DEBUG = os.environ.get("FASTDHCP_DEBUG") == "1"
SANITIZE = os.environ.get("FASTDHCP_SANITIZE") == "1"
COMPILE_WANTED = os.environ.get("FASTDHCP_COMPILE") != "0"
CORES = len(os.sched_getaffinity(0))

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "wraparound": False,
    "initializedcheck": DEBUG,
    "nonecheck": DEBUG,
    "cdivision": True,
    "embedsignature": True,
    "freethreading_compatible": False,
}

COMPILE = [] if "-O" in os.environ.get("CFLAGS", "") else ["-O2"]
COMPILE += ["-g", "-fno-strict-aliasing", "-Wall", "-Wextra", "-Wno-unused-parameter"]
# What Cython itself writes.
COMPILE += ["-Wno-sign-compare", "-Wno-unused-function", "-Wno-discarded-qualifiers"]
LINK: list[str] = []
if SANITIZE:
    COMPILE += ["-O1", "-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
    COMPILE += ["-fno-sanitize-recover=undefined"]
    LINK += ["-fsanitize=address,undefined"]

FOLDERS = {"fastdhcp": "fastdhcp", "fastdhcp_bench": "bench"}
# The data plane by hand, for the tests: built beside them and never in a wheel.
FOLDERS_IN_PLACE = {"tests": "tests"}
IN_PLACE = "--inplace" in sys.argv
FUNCTION_OF_A_PYX = re.compile(r"^cdef (?!inline|extern)[^:\n]*\(", re.MULTILINE)
"""In a .pxd: a function that is written out in the .pyx of its name, not inline."""


def extensions() -> list[Extension]:
    folders = FOLDERS | FOLDERS_IN_PLACE if IN_PLACE else FOLDERS
    return [
        Extension(
            f"{package}.{source.stem}",
            [str(source)],
            include_dirs=["."],
            extra_compile_args=COMPILE,
            extra_link_args=LINK,
        )
        for package, folder in folders.items()
        for source in sources(folder)
    ]


def sources(folder: str) -> list[Path]:
    """The folder's Cython sources. If one is missing the build ends: what would come out of it
    cannot be imported."""
    found = sorted(Path(folder).glob("*.pyx"))
    wanted = {stub.with_suffix(".pyx") for stub in Path(folder).glob("_*.pyi")}
    for declarations in Path(folder).glob("*.pxd"):
        if FUNCTION_OF_A_PYX.search(declarations.read_text()):
            wanted.add(declarations.with_suffix(".pyx"))
    missing = sorted(map(str, wanted - set(found))) or ([] if found else [f"{folder}/*.pyx"])
    if missing:
        raise SystemExit(
            f"setup.py: {', '.join(missing)} not found. This copy of fastdhcp is incomplete: "
            "take a whole one, from git or from a source package."
        )
    return found


class BuildExt(build_ext):
    """Translates only when it is really built: a source package carries .pyx, not C."""

    def initialize_options(self) -> None:
        super().initialize_options()
        self.parallel = CORES

    def run(self) -> None:
        new = [e for e in self.extensions if not Path(self.get_ext_fullpath(e.name)).exists()]
        if new:
            print(f"Translating {len(new)} modules from Cython to C ...", flush=True)
        self.translate(quiet=bool(new))
        if new:
            long = " (about a minute)" if len(new) > 9 else ""
            print(f"Compiling {len(new)} modules{long} ...", flush=True)
        super().run()

    def translate(self, quiet: bool) -> None:
        options: dict[str, Any] = {"show_all_warnings": False, "quiet": quiet, "nthreads": CORES}
        made = cythonize(
            self.extensions,
            compiler_directives=DIRECTIVES,
            build_dir="build/cython",
            include_path=["."],
            **options,
        )
        translated = {extension.name: extension for extension in made}
        for extension in self.extensions:
            extension.sources = translated[extension.name].sources
            extension.depends = translated[extension.name].depends


if not COMPILE_WANTED and "bdist_wheel" in sys.argv:
    raise SystemExit(
        "setup.py: FASTDHCP_COMPILE=0 is for an editable install; a wheel without compiled modules "
        "would not run. Unset it."
    )

setup(
    ext_modules=extensions() if COMPILE_WANTED else [],
    cmdclass={"build_ext": BuildExt},
)
