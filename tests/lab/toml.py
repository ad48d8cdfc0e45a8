"""A configuration as TOML text: tables, arrays of tables, and values in one line."""

import json
from collections.abc import Mapping

Config = Mapping[str, object]


def dumps(config: Config) -> str:
    """TOML of nested mappings and lists. Raises TypeError for what TOML has no form of."""
    return "\n".join(_table(config, ())) + "\n"


def _table(table: Config, path: tuple[str, ...]) -> list[str]:
    lines = [f"{_key(k)} = {_value(v)}" for k, v in table.items() if not _is_section(v)]
    for key, value in table.items():
        here = (*path, _key(key))
        if isinstance(value, Mapping):
            lines += ["", f"[{'.'.join(here)}]", *_table(value, here)]
        elif _is_section(value):
            assert isinstance(value, list)
            for entry in value:
                lines += ["", f"[[{'.'.join(here)}]]", *_table(entry, here)]
    return lines


def _is_section(value: object) -> bool:
    tables = isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value)
    return bool(isinstance(value, Mapping) or tables)


def _key(key: str) -> str:
    bare = key.replace("-", "").replace("_", "")
    return key if bare.isalnum() and bare.isascii() else json.dumps(key)


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return json.dumps(value)
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
        case Mapping():
            pairs = (f"{_key(k)} = {_value(v)}" for k, v in value.items())
            return f"{{ {', '.join(pairs)} }}"
    raise TypeError(f"no TOML for {value!r}")
