"""The compiled part of fastdhcp: the list of extensions and how they are compiled.

FASTDHCP_DEBUG=1     bounds, None and wraparound checks on (slow; for tests)
FASTDHCP_SANITIZE=1  address and undefined-behaviour sanitizers; run under
                     LD_PRELOAD=$(gcc -print-file-name=libasan.so)
FASTDHCP_COMPILE=0   compiles nothing: for an editable install of what is compiled in place
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = os.environ.get("FASTDHCP_DEBUG") == "1"
SANITIZE = os.environ.get("FASTDHCP_SANITIZE") == "1"
COMPILE_WANTED = os.environ.get("FASTDHCP_COMPILE") != "0"

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

COMPILE = ["-O2", "-g", "-fno-strict-aliasing", "-Wall", "-Wextra", "-Wno-unused-parameter"]
# What Cython itself writes.
COMPILE += ["-Wno-sign-compare", "-Wno-unused-function", "-Wno-discarded-qualifiers"]
LINK: list[str] = []
if SANITIZE:
    COMPILE += ["-O1", "-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
    COMPILE += ["-fno-sanitize-recover=undefined"]
    LINK += ["-fsanitize=address,undefined"]

FOLDERS = {"fastdhcp": "fastdhcp", "fastdhcp_bench": "bench"}


def extensions() -> list[Extension]:
    return [
        Extension(
            f"{package}.{source.stem}",
            [str(source)],
            include_dirs=["."],
            extra_compile_args=COMPILE,
            extra_link_args=LINK,
        )
        for package, folder in FOLDERS.items()
        for source in sorted(Path(folder).glob("*.pyx"))
    ]


setup(
    ext_modules=cythonize(
        extensions() if COMPILE_WANTED else [],
        compiler_directives=DIRECTIVES,
        build_dir="build/cython",
        include_path=["."],
        nthreads=os.cpu_count() or 1,
        show_all_warnings=False,
    )
)
