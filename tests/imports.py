"""Who imports whom in the package: every import statement, wherever it stands, and every module
that is named in a string to be imported later."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGE = "fastdhcp"
NAMED = re.compile(rf"({PACKAGE}(?:\.\w+)+)(?::\w+)?")
"""A module, or `module:name`, as the tables of roles and of subcommands have them."""
DECLARATIONS = ".pxd"
COMPILED = re.compile(rf"^(?:from ({PACKAGE}[\w.]*) )?(c?import)\b(?: ({PACKAGE}[\w.]*))?", re.M)

Graph = Mapping[str, frozenset[str]]


def read_graph(root: Path) -> Graph:
    """Modules of the package and what each imports; names as in ``store.loop``, ``_codec``.

    What is cimported is a declaration, ``_codec.pxd``, a module of its own here.
    """
    files: dict[str, Path] = {}
    for path in sorted((root / PACKAGE).rglob("*")):
        if path.suffix in (".py", ".pyx", DECLARATIONS):
            name = ".".join(path.relative_to(root).with_suffix("").parts)
            suffix = DECLARATIONS if path.suffix == DECLARATIONS else ""
            files[name.removesuffix(".__init__") + suffix] = path
    found = {}
    for module, path in files.items():
        known = {_module(name, files) for name in _named(path)} - {module, PACKAGE, ""}
        found[_short(module)] = frozenset(_short(name) for name in known)
    return found


def _named(path: Path) -> Iterator[str]:
    text = path.read_text()
    if path.suffix != ".py":
        for first, word, second in COMPILED.findall(text):
            yield (first or second) + (DECLARATIONS if word == "cimport" else "")
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and (match := NAMED.fullmatch(str(node.value))):
            yield match[1]


def _module(name: str, files: Mapping[str, Path]) -> str:
    """The module that a dotted name is, or is in; "" if it is another package's."""
    while name not in files and "." in name:
        name = name.rpartition(".")[0]
    return name if name in files else ""


def _short(module: str) -> str:
    return module.removeprefix(f"{PACKAGE}.")


def circles(graph: Graph) -> list[list[str]]:
    """Modules that import one another, each circle once (Tarjan's components of more than one)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for other in sorted(graph.get(module, ())):
            if other not in order:
                visit(other)
            if other in stack:
                low[module] = min(low[module], low[other])
        if low[module] == order[module]:
            at = stack.index(module)
            circle = stack[at:]
            del stack[at:]
            if len(circle) > 1:
                found.append(sorted(circle))

    for module in graph:
        if module not in order:
            visit(module)
    return found
