"""The style guide that runs: what every file of the project keeps to.

That every option has a test and every key stands in reference.toml is held by test_options and
config/test_reference.
"""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastdhcp._stats import counter_words, drop_names
from fastdhcp.control.commands import COMMANDS
from fastdhcp.control.metrics import PREFIX
from fastdhcp.words import COUNTERS
from tests.imports import circles, read_graph

ROOT = Path(__file__).resolve().parent.parent
COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500
CODE = (".py", ".pyx", ".pxd", ".pyi", ".h")
LAID_OUT = (*CODE, ".toml", ".service.in")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
# RFC 2131's words, and no others, for what it has words for.
BANNED = {
    r"client_?ip\b": "ciaddr, yiaddr or address",
    r"\bgateway": "relay agent, or router",
    r"\bmac_addr": "chaddr or hw_address",
    r"\bdhcp_server_ip": "server_id",
}
PYTHON_TYPES = r"\b(object|bytes|bytearray|str|list|dict|tuple|set|Memory|Lease)\b|\[::1\]"
CYTHON_FUNCTION = re.compile(r"^(?P<indent> *)(?:async )?(?P<kind>def|cdef|cpdef)\b(?P<rest>.*)$")
ALLOCATION = re.compile(r"\b(malloc|calloc|realloc|PyMem_\w+|PyObject_Malloc)\b")
LEAVES = {
    "bpf", "channel", "collector", "crash", "eventfds", "exits", "interfaces", "kernel", "log",
    "netlink", "offload", "options", "packet", "ports", "words",
}  # fmt: skip
"""What all rooms share; the compiled data plane is on their level."""
LEVELS = (
    LEAVES, {"config"}, {"link", "store", "worker"}, {"control", "probe"}, {"process"},
    {"supervisor"}, {"cli"}, {"demo"}, {"cli.main", "__main__"},
)  # fmt: skip
"""Rooms and modules, the lowest first: nobody imports from above."""
FILE_NAME = re.compile(r"(?<![\w./*-])[\w-][\w./-]*\.(?:pyx|pxd|pyi|py|md)\b(?![\w.*(])")
ROOM_ROW = re.compile(r"^\| `(\w+)/` \|(.*)$", re.MULTILINE)
"""In docs/ARCHITECTURE.md: a room, and the files in it."""
CLAIM = re.compile(r"\b(assert|raise)\b|\braises\(|\bfail\(|\bbenchmark\(")


def tracked(*suffixes: str) -> list[Path]:
    """Files of the project: what git knows, or else all that is not built."""
    done = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    names = done.stdout.split("\n") if done.returncode == 0 else _walked()
    return [ROOT / n for n in names if n.endswith(suffixes) and (ROOT / n).is_file()]


def _walked() -> list[str]:
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
    return [str(path) for path in found if path.parts[0] not in ("build", ".venv", ".git")]


def lines_of(*suffixes: str) -> Iterator[tuple[str, str]]:
    """Every line with its place, `FILE:LINE`."""
    for path in tracked(*suffixes):
        if path != Path(__file__):
            for number, line in enumerate(path.read_text().split("\n"), 1):
                yield f"{path.relative_to(ROOT)}:{number}", line


def _python_functions(text: str) -> Iterator[tuple[str, int, int]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def _signatures(text: str) -> Iterator[tuple[int, int, str]]:
    """Line, indent and signature on one line of each Cython function with a body or declared."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        start = CYTHON_FUNCTION.match(line)
        if start is None or "(" not in line or re.match(r"\s*cdef (class|struct|enum|ext)", line):
            continue
        joined, end = line, at
        while joined.count("(") > joined.count(")") and end + 1 < len(lines):
            end += 1
            joined += " " + lines[end].strip()
        if re.search(r"=\s*[^,()]*\(", joined.partition("(")[0] + "("):
            continue  # a variable that a call's result goes to
        yield at, len(start["indent"]), joined.partition("#")[0].strip()


def _cython_functions(text: str) -> Iterator[tuple[str, int, int]]:
    lines = text.split("\n")
    for at, indent, signature in _signatures(text):
        if not signature.endswith(":"):
            continue
        last = at
        for number in range(at + 1, len(lines)):
            line = lines[number]
            depth = len(line) - len(line.lstrip())
            if line.strip() and depth <= indent and not line.lstrip().startswith((")", "#")):
                break
            if line.strip():
                last = number
        yield signature.partition("(")[0].split()[-1], at + 1, last - at + 1


def test_lines_are_not_longer_than_100_columns() -> None:
    assert [at for at, line in lines_of(*LAID_OUT, "Makefile") if len(line) > COLUMNS_MAX] == []


def test_files_are_not_longer_than_500_lines() -> None:
    """Tables of tests may be longer."""
    product = [path for path in tracked(*CODE) if not path.is_relative_to(ROOT / "tests")]
    sizes = {path: path.read_text().count("\n") for path in product}
    assert {str(path): size for path, size in sizes.items() if size > FILE_LINES_MAX} == {}


def test_functions_are_not_longer_than_70_lines() -> None:
    found = []
    for path in tracked(".py", ".pyx", ".pxd"):
        text = path.read_text()
        functions = _python_functions if path.suffix == ".py" else _cython_functions
        for name, line, size in functions(text):
            if size > FUNCTION_LINES_MAX:
                found.append(f"{path.relative_to(ROOT)}:{line}: {name} has {size}")
    assert found == []


def test_a_module_says_what_it_is_in_its_first_line() -> None:
    texts = {p: p.read_text() for p in tracked(".py", ".pyx", ".pxd", ".pyi")}
    assert [str(p) for p, t in texts.items() if t.strip() and not re.match(r'"""\S.{8,}', t)] == []


def test_sections_are_marked_one_way() -> None:
    """`# ---- what follows`, with a line left free after it; two before, outside of classes."""
    alone = re.compile(r"(?<=\n\n\n)# (?!---- \S)[^\n]*(?=\n\n)")
    wrong = {str(p): alone.findall(p.read_text()) for p in tracked(".py", ".pyx", ".pxd")}
    assert {path: marks for path, marks in wrong.items() if marks} == {}


def test_nothing_is_left_unfinished() -> None:
    assert [at for at, line in lines_of(*CODE) if UNFINISHED.search(line)] == []


@pytest.mark.parametrize("word", BANNED)
def test_words_are_those_of_rfc_2131(word: str) -> None:
    pattern = re.compile(word, re.IGNORECASE)
    found = [at for at, line in lines_of(*CODE, ".toml", ".md") if pattern.search(line)]
    assert found == [], f"say {BANNED[word]}"


def _data_plane(*folders: str) -> list[Path]:
    return [p for p in tracked(".pyx", ".pxd") if p.parent.name in folders]


def test_c_functions_take_no_lock_of_the_interpreter() -> None:
    """A cdef function outside a class that names no Python type is `noexcept nogil`: without
    `noexcept` Cython may take the GIL to look for an exception."""
    seen, wrong = 0, []
    for path in _data_plane("fastdhcp", "bench", "tests"):
        for at, indent, signature in _signatures(path.read_text()):
            if indent or not signature.startswith("cdef") or re.search(PYTHON_TYPES, signature):
                continue
            seen += 1
            if not re.search(r"noexcept nogil:?$", signature):
                wrong.append(f"{path.name}:{at + 1}: {signature}")
    assert wrong == []
    assert seen > 200, "the signatures are no longer found"


def test_the_data_plane_allocates_only_when_it_is_opened() -> None:
    found = []
    for path in _data_plane("fastdhcp"):
        text = path.read_text()
        lines = text.split("\n")
        for name, line, size in _cython_functions(text):
            body = "\n".join(lines[line - 1 : line - 1 + size])
            if ALLOCATION.search(body) and not name.endswith(("_open", "__cinit__")):
                found.append(f"{path.name}:{line}: {name}")
    assert found == []


def test_the_server_prints_nothing_but_through_its_log() -> None:
    """The command line and the demo speak to people; all else logs events by name."""
    speaking = ("cli", "demo")
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in tracked(".py")
        if path.is_relative_to(ROOT / "fastdhcp") and path.parent.name not in speaking
        for node in _calls(ast.parse(path.read_text()))
        if getattr(node.func, "id", "") == "print"
    ]
    assert found == []


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (inner for inner in ast.walk(node) if isinstance(inner, ast.Call))


def _functions_of_tests() -> list[tuple[str, str, str]]:
    """File, name and text of every function under tests/."""
    found = []
    for path in tracked(".py"):
        if path.is_relative_to(ROOT / "tests"):
            text = path.read_text()
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    # A case that is a function may make the claims.
                    cases = {arg.arg for arg in node.args.args}
                    if any(getattr(c.func, "id", "") in cases for c in _calls(node)):
                        continue
                    lines = text.split("\n")[node.lineno : node.end_lineno]
                    found.append((str(path.relative_to(ROOT)), node.name, "\n".join(lines)))
    return found


def test_every_test_can_fail() -> None:
    """It claims something, or calls a helper that does."""
    functions = _functions_of_tests()
    claiming = {name for _, name, body in functions if CLAIM.search(body)}
    helpers = re.compile(rf"\b({'|'.join(sorted(claiming))})\(")
    assert [
        f"{file}::{name}"
        for file, name, body in functions
        if name.startswith("test_") and not CLAIM.search(body) and not helpers.search(body)
    ] == []


def test_every_package_is_installed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in tracked("__init__.py")
        if path.is_relative_to(ROOT / "fastdhcp")
    }
    assert found | {"fastdhcp_bench"} == set(listed)


def test_every_drop_reason_is_explained_to_operators() -> None:
    text = (ROOT / "docs" / "METRICS.md").read_text()
    rows = set(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE))
    assert sorted(set(drop_names()[1:]) - rows) == [], "a row in docs/METRICS.md is missing"


def test_every_drop_reason_is_given_by_somebody() -> None:
    text = "\n".join(path.read_text() for path in tracked(".pyx") if path.parent.name == "fastdhcp")
    names = [f"DROP_{name.upper().replace('-', '_')}" for name in drop_names()[1:]]
    assert [name for name in names if len(re.findall(rf"\b{name}\b", text)) < 2] == []


def test_every_metric_is_explained_to_operators() -> None:
    text = (ROOT / "docs" / "METRICS.md").read_text()
    source = (ROOT / "fastdhcp" / "control" / "metrics.py").read_text()
    named = set(re.findall(r'page\.(?:family|histograms)\(\s*"([a-z_]+)"', source))
    named |= {name for name, _ in COUNTERS.values()}
    told = set(re.findall(rf"^\| `{PREFIX}([a-z_]+)", text, re.MULTILINE))
    assert sorted(named - told) == [], "a row in docs/METRICS.md is missing"
    assert sorted(told - named) == [], "docs/METRICS.md tells of a metric that is not there"


def test_every_counter_is_a_metric_and_in_the_log() -> None:
    """Words of their own; the others have a metric by label: most are the first of an array."""
    arrays = {
        "COUNT_RECEIVED", "COUNT_SENT", "COUNT_DONE", "COUNT_DROPPED", "COUNT_WAITING",
        "COUNT_CLASS", "COUNT_REPLY_TIME", "COUNT_REPLY_SUM", "COUNT_COMMIT_TIME",
        "COUNT_COMMIT_SUM", "COUNT_WORDS",
    }  # fmt: skip
    assert set(counter_words()) == set(COUNTERS) | arrays


def test_every_command_is_explained_to_operators() -> None:
    text = (ROOT / "docs" / "API.md").read_text()
    told = set(re.findall(r"^\| `((?:GET|POST|PUT|DELETE) /v1/[^`?]*)", text, re.MULTILINE))
    found = {f"{command.method} {command.path}" for command in COMMANDS}
    assert sorted(found - told) == [], "a row in docs/API.md is missing"
    assert sorted(told - found) == [], "docs/API.md tells of a command that is not there"


def test_operators_find_every_event_of_the_log() -> None:
    told = re.compile(
        r"""(?:(?:log\.(?:info|notice|warning|error)|Obstacle)\(|Limited\(log,)\s*f?"([a-z][a-z-]+)\""""
    )
    manual = (ROOT / "docs/OPERATION.md").read_text()
    names = {
        name
        for path in (ROOT / "fastdhcp").rglob("*.py")
        for name in told.findall(path.read_text())
    }
    assert len(names) > 30
    assert sorted(name for name in names if f"`{name}`" not in manual) == []


def test_at_the_root_stand_the_data_plane_and_the_leaves_alone() -> None:
    found = {path.stem for path in tracked(".py") if path.parent == ROOT / "fastdhcp"}
    rooms = {"options"}
    assert found - {"__init__", "__main__"} == LEAVES - rooms | {"process", "worker"}


def _level(module: str) -> int:
    if module.startswith("_") and module != "__main__":
        return 0
    room = module.partition(".")[0]
    found = [at for at, names in enumerate(LEVELS) if module in names]
    found += [at for at, names in enumerate(LEVELS) if room in names]
    assert found, f"{module} has no level: give it one in LEVELS"
    return found[0]


def test_nobody_imports_from_a_higher_level() -> None:
    """However late: an import in a function counts, and a module named in a string."""
    graph = read_graph(ROOT)
    assert {"store.loop", "control.process", "worker"} <= graph["process"]
    assert [
        f"{module} imports {other}"
        for module, others in graph.items()
        for other in sorted(others)
        if _level(other) > _level(module)
    ] == []


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert circles({"a": frozenset("b"), "b": frozenset("ca"), "c": frozenset("b")}) == [[*"abc"]]
    assert circles(read_graph(ROOT)) == []


def test_files_that_are_named_exist() -> None:
    """In documents and comments, by their name or the end of their path."""
    paths = [f"/{path.relative_to(ROOT)}" for path in tracked(*CODE, ".md")]
    found = [
        (at, name)
        for at, line in lines_of(*CODE, ".md")
        if not at.startswith("tests/")
        for name in FILE_NAME.findall(line)
    ]
    assert len(found) > 200, "the names are no longer found"
    assert [(at, n) for at, n in found if not any(p.endswith(f"/{n}") for p in paths)] == []


@pytest.mark.parametrize("room", ["supervisor", "store", "control", "link"])
def test_the_tour_shows_every_file_of_a_room(room: str) -> None:
    rows = dict(ROOM_ROW.findall((ROOT / "docs/ARCHITECTURE.md").read_text()))
    files = {path.name for path in tracked(".py") if path.parent == ROOT / "fastdhcp" / room}
    assert set(FILE_NAME.findall(rows[room])) == files - {"__init__.py"}
