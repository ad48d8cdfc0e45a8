"""The registry of commands: what each needs in its places, named when it is forgotten.

The places are a handler (control/commands.py), its messages (control/messages.py) and its row in
docs/API.md.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from fastdhcp.control import messages
from fastdhcp.control.commands import COMMANDS, Access, Command
from fastdhcp.control.lease import Lease

API = (Path(__file__).resolve().parents[3] / "docs/API.md").read_text()
SHOWN: dict[str, type[msgspec.Struct]] = {
    "The server": messages.StatusResponse, "A pool": messages.Pool, "A lease": Lease,
    "A decision": messages.Decision, "An explanation": messages.Explanation,
}  # fmt: skip
"""What has a section of docs/API.md, with an example."""
EACH = pytest.mark.parametrize("command", COMMANDS, ids=[command.name for command in COMMANDS])


def fields_of(command: Command) -> list[str]:
    return names_of(command.request)


def in_path(command: Command) -> list[str]:
    return re.findall(r"{(.*?)}", command.path)


@EACH
def test_a_command_is_told_in_the_manual_with_each_of_its_fields(command: Command) -> None:
    head = f"| `{command.method} {command.path}` |"
    rows = [line for line in API.splitlines() if line.startswith(head)]
    assert len(rows) == 1, f"docs/API.md needs one row that starts with {head}"
    asked = [name for name in fields_of(command) if name not in in_path(command)]
    forgotten = [n for n in asked if f"`{n}=" not in rows[0] and f'"{n}"' not in rows[0]]
    assert forgotten == [], f"the row of {head} in docs/API.md does not name them"
    assert ("unix socket only" in rows[0]) == (command.access is Access.CHANGE)


@EACH
def test_what_a_command_answers_is_told_in_the_manual(command: Command) -> None:
    """In a section with an example; of the others each field in the command's row."""
    head = f"| `{command.method} {command.path}` |"
    (row,) = (line for line in API.splitlines() if line.startswith(head))
    answers = set(_parts(get_type_hints(command.handler or command.streamer)["return"]))
    for kind in answers - {part for shown in SHOWN.values() for part in _parts(shown)}:
        forgotten = [name for name in names_of(kind) if f'"{name}"' not in row]
        assert forgotten == [], f"the row of {command.path} in docs/API.md does not name them"


@pytest.mark.parametrize(("heading", "kind"), SHOWN.items())
def test_an_example_of_the_manual_is_what_a_route_gives(
    heading: str, kind: type[msgspec.Struct]
) -> None:
    section = API.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    example = json.loads(section.partition("```json\n")[2].partition("```")[0])
    msgspec.convert(example, kind)
    assert set(unlike(example, kind, section)) == set()


def names_of(kind: type[msgspec.Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(kind)]


def unlike(example: dict[str, Any], kind: type[msgspec.Struct], section: str) -> Iterator[str]:
    """Keys that are no fields, fields that are no keys (nor told as standing there sometimes), and
    lists of which no member is shown."""
    yield from set(example) - set(names_of(kind))
    for name, hint in get_type_hints(kind).items():
        (key,) = (f.encode_name for f in msgspec.structs.fields(kind) if f.name == name)
        if key not in example:
            if not (kind.__struct_config__.omit_defaults and f'`"{key}"' in section):
                yield key
            continue
        inner = next((part for part in _parts(hint)), None)
        if inner is None or example[key] is None:
            continue
        found = example[key] if isinstance(example[key], list) else [example[key]]
        if not found:
            yield f"{key}[]"
        for one in found:
            yield from unlike(one, inner, section)


@EACH
def test_a_command_says_what_it_does_and_takes_what_its_path_names(command: Command) -> None:
    assert command.summary.endswith("."), "the first line of the handler's docstring"
    assert set(in_path(command)) <= set(fields_of(command))


def test_no_two_commands_have_one_name_or_one_route() -> None:
    assert len({command.name for command in COMMANDS}) == len(COMMANDS)
    assert len({(command.method, command.path) for command in COMMANDS}) == len(COMMANDS)


def test_every_message_is_asked_or_answered_by_a_command() -> None:
    used: set[type] = set()
    for command in COMMANDS:
        handler = command.handler or command.streamer
        used |= {command.request, *_parts(get_type_hints(handler)["return"])}
    made = {found for found in vars(messages).values() if _is_message(found)}
    assert made - used == {messages.Message, messages.Request}


def _is_message(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, messages.Message)


def _parts(kind: Any) -> Iterator[type]:
    """The structs in a type."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
        for part in get_type_hints(kind).values():
            yield from _parts(part)
    for part in get_args(kind):
        yield from _parts(part)
