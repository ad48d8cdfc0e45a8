"""Collects what is wrong in all files of a configuration, so that it is told in one go."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from fastdhcp.config.errors import Path, Problem, key_text
from fastdhcp.config.lines import Lines, find_line, json_lines, toml_lines
from fastdhcp.config.values import Members


@dataclass(slots=True)
class Source:
    """One file as it was read. Its lines are found when the first problem asks for them."""

    name: str
    text: str
    is_json: bool
    lines: Lines | None = None

    def line(self, path: Path) -> int:
        """The line of a key, from 1."""
        return find_line(self._found(), path)

    def line_of(self, path: Path) -> int | None:
        """Likewise; None: the key is not written."""
        return self._found().get(path)

    def _found(self) -> Lines:
        if self.lines is None:
            self.lines = json_lines(self.text) if self.is_json else toml_lines(self.text)
        return self.lines


@dataclass(frozen=True, slots=True)
class Where:
    """A key in a file."""

    source: Source
    path: Path = ()

    def at(self, *steps: str | int) -> "Where":
        """A key below this one."""
        return Where(self.source, self.path + steps)

    def __str__(self) -> str:
        return f"{self.source.name}:{self.source.line(self.path)}"


@dataclass(slots=True)
class Report:
    """Errors and warnings, as they are found."""

    _errors: list[tuple[Where, str]] = field(default_factory=list)
    _warnings: list[tuple[Where, str]] = field(default_factory=list)
    _told: set[tuple[int, Path]] = field(default_factory=set)

    def error(self, where: Where, text: object) -> None:
        """Something that makes the configuration unusable; of a list, each member that is wrong."""
        self._told.add((id(where.source), where.path))
        if isinstance(text, Members):
            self._errors += [(where.at(place), words) for place, words in text.found]
        else:
            self._errors.append((where, str(text)))

    def warn(self, where: Where, text: str) -> None:
        """Something that an operator should know."""
        self._warnings.append((where, text))

    def is_told(self, where: Where) -> bool:
        """Whether there is an error at this very key."""
        return (id(where.source), where.path) in self._told

    @property
    def failed(self) -> bool:
        """True if there is an error."""
        return bool(self._errors)

    def errors(self) -> list[Problem]:
        """All errors, file by file in the order of their lines."""
        return _problems(self._errors)

    def warnings(self) -> list[Problem]:
        """All warnings, likewise."""
        return _problems(self._warnings)


# What other servers call it, or people do: the nearest spelling would be something else.
_ELSEWHERE = {
    "dns": "domain-name-servers",
    "dns-server": "domain-name-servers",
    "dns-servers": "domain-name-servers",
    "mtu": "interface-mtu",
    "ntp": "ntp-servers",
    "tftp-server": "tftp-server-name",
    "tftp-server-address": "tftp-servers",
    "pcode": "posix-timezone",
    "tcode": "tz-name",
    "timezone": "tz-name",
    "default-url": "captive-portal",
    "v4-captive-portal": "captive-portal",
    "ipv6-only-preferred": "v6-only-preferred",
    "classless-static-route": "classless-static-routes",
    "rfc3442-classless-static-routes": "classless-static-routes",
    "ms-classless-static-route": "ms-classless-static-routes",
    "vivso-suboptions": "vendor-options",
    "vivso": "vendor-options",
    "vivco-suboptions": "vendor-class",
    "vivco": "vendor-class",
    "wpad": "wpad-url",
    "wpad-proxy": "wpad-url",
    "sip-server": "sip-servers",
    "dnr": "v4-dnr",
    "pxe-system-type": "client-system",
    "pxe-interface-id": "client-ndi",
    "pxe-client-id": "uuid-guid",
    "option-def": "option-definitions",
    "bootfile-name": "boot-file-name",
    "filename": "boot-file",
    "mac": "hw-address",
    "mac-address": "hw-address",
    "ip": "address",
    "ip-address": "address",
    "fixed-address": "address",
    "network": "subnet",
    "prefix": "subnet",
    "range": "pools",
    "valid-lifetime": "lease-time",
    "default-lease-time": "lease-time",
    "min-lease-time": "lease-time-min",
    "max-lease-time": "lease-time-max",
    "option-data": "options",
}


KNOWN_ELSEWHERE = frozenset(_ELSEWHERE)
_BEGINNING_MIN = 4  # characters
_LISTED_MAX = 8  # names that are told one by one


def nearest(key: str, known: Iterable[str]) -> str | None:
    """The name that was meant, as far as that can be said: one that begins so, or is spelt nearly
    so."""
    known = list(known)
    longer = [name for name in known if len(key) >= _BEGINNING_MIN and name.startswith(key)]
    if longer:
        return min(longer, key=len)
    near = difflib.get_close_matches(key, known, 1)
    return near[0] if near else None


def unknown(what: str, key: str, known: Iterable[str]) -> str:
    """The text for a key that is not known, with the nearest one that is."""
    known = list(known)
    meant = _ELSEWHERE.get(key.replace("_", "-"))
    near = meant if meant in known else nearest(key, known)
    cure = f'did you mean "{near}"?' if near else "see reference.toml for what there is"
    return f"is not {what}; {cure}"


def unknown_name(what: str, key: str, known: Iterable[str]) -> str:
    """Likewise, for a name that the configuration itself gives: the names that it has."""
    known = list(dict.fromkeys(known))
    if near := nearest(key, known):
        return f'is not {what}; did you mean "{near}"?'
    if not known:
        return f"is not {what}; there is none"
    listed = ", ".join(known[:_LISTED_MAX]) + (", ..." if len(known) > _LISTED_MAX else "")
    return f"is not {what}; there {'are' if len(known) > 1 else 'is'} {listed}"


def _problems(found: list[tuple[Where, str]]) -> list[Problem]:
    files = list(dict.fromkeys(where.source.name for where, _ in found))
    problems = [
        Problem(where.source.name, where.source.line(where.path), key_text(where.path), text)
        for where, text in found
    ]
    return sorted(problems, key=lambda problem: (files.index(problem.file), problem.line))
