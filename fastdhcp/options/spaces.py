"""Option spaces: options by name and code, sub-options in a row, and vendors in option 125."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastdhcp.options.errors import OptionError, shown
from fastdhcp.options.table import ENCAPSULATED, OPTIONS, SPACES, Option
from fastdhcp.options.types import BYTES, U32, Type, Value, hex_bytes, items, taken, within

DHCP = "dhcp4"
"""The name of DHCP's own space."""
VALUE_SIZE_MAX = 1024
"""A reply has 1472 - 240 octets for all its options (_wire.pxd); one value may not take them all.
What is longer than 255 octets is split where the reply is laid down (RFC 3396)."""
PART_SIZE_MAX = 255
"""Of a sub-option, and of one vendor's in option 125: their length is one octet, and no RFC joins
parts of them."""
CODE_MAX = 254  # 0 is PAD, 255 END (RFC 2132 8.4: in encapsulated options, too)
SERVER_WORDS = "written by the server itself"
_ENCAPSULATED_43, _VENDOR_OPTIONS = 43, 125


@dataclass(slots=True)
class Space:
    """Options that belong together."""

    name: str
    by_name: dict[str, Option] = field(default_factory=dict)
    by_code: dict[int, Option] = field(default_factory=dict)

    def add(self, option: Option) -> None:
        """One more option; of two for one code the first has it."""
        self.by_name[option.name] = option
        self.by_code.setdefault(option.code, option)

    def encode(self, name: str, value: object) -> tuple[int, bytes]:
        """Code and octets of an option by its name, or of "hex:..." by its code.

        Raises OptionError; KeyError for a name that is not there.
        """
        if name.isdecimal() and name.isascii():
            return _by_code(self, name, value)
        option = self.by_name[name]
        if option.server:
            raise OptionError(f"option {option.code} is {SERVER_WORDS}; leave it out")
        return option.code, _sized(option.type.write(value), empty=option.type.name == "empty")


def _by_code(space: Space, name: str, value: object) -> tuple[int, bytes]:
    code = int(name[:4])
    if not 1 <= code <= CODE_MAX or len(name) > 3:
        words = f"is not the code of an option; codes go from 1 to {CODE_MAX}"
        raise OptionError(f"{name[:20]} {words}")
    known = space.by_code.get(code)
    if known is not None and known.server:
        raise OptionError(f"option {code} ({known.name}) is {SERVER_WORDS}; leave it out")
    return code, _sized(hex_bytes(value), empty=known is None or known.type.name == "empty")


def _sized(data: bytes, *, empty: bool) -> bytes:
    """RFC 2132 2: what has no data has no option, unless that it is there is all that it says."""
    if not data and not empty:
        raise OptionError("is empty; give a value, or leave the option out")
    if len(data) > VALUE_SIZE_MAX:
        raise OptionError(f"takes {len(data)} octets; an option may take {VALUE_SIZE_MAX}")
    return data


def _unknown(space: Space, name: str) -> OptionError:
    words = f'is not an option of the space "{space.name}"'
    return OptionError(f"{words}; define it in [[option-definitions]], or write its code", name)


# ---- sub-options in a row (RFC 2132 8.4)


def _write_row(space: Space, table: Mapping[str, object]) -> bytes:
    """Code, length and value of each, in the order of the codes."""
    row: dict[int, bytes] = {}
    for name, value in table.items():
        try:
            code, data = space.encode(name, value)
        except KeyError:
            raise _unknown(space, name) from None
        except OptionError as error:
            raise OptionError(str(error), name, *error.path) from None
        if code in row:
            words = f"sub-option {code} is there already; write it once, by name or code"
            raise OptionError(words, name)
        if len(data) > PART_SIZE_MAX:
            raise OptionError(f"takes {len(data)} octets; a sub-option may take 255", name)
        row[code] = data
    return b"".join(bytes((code, len(row[code]))) + row[code] for code in sorted(row))


def _read_row(space: Space, octets: bytes) -> dict[str, Value]:
    found: dict[str, Value] = {}
    at = 0
    while at < len(octets) and octets[at] != 0xFF:
        if octets[at] == 0:
            at += 1
            continue
        code, size = taken(octets, at, 2)
        data = taken(octets, at + 2, size)
        at += 2 + size
        option = space.by_code.get(code)
        name = option.name if option else str(code)
        if name in found:
            raise ValueError("repeats a sub-option")
        found[name] = option.type.value(data) if option else f"hex:{data.hex()}"
    return found


def space_type(space: Space) -> Type:
    """`space:NAME`: a table of sub-options, or "hex:..."."""

    def write(value: object) -> bytes:
        if isinstance(value, str):
            return hex_bytes(value)
        if not isinstance(value, dict):
            raise OptionError(f'must be a table of sub-options, or "hex:...", not {shown(value)}')
        return _write_row(space, value)

    def read(octets: bytes, at: int) -> tuple[Value, int]:
        return _read_row(space, octets[at:]), len(octets)

    return Type(f"space:{space.name}", write, read, open=True)


# ---- the spaces of one configuration


class Definitions:
    """All option spaces that a configuration may name: those of standards, and its own."""

    def __init__(self) -> None:
        self.spaces: dict[str, Space] = {}
        for name, options in SPACES.items():
            for option in options:
                self.space(name).add(option)
        self.dhcp = self.space(DHCP)
        own = {code: space_type(self.spaces[name]) for code, name in ENCAPSULATED.items()}
        own[_ENCAPSULATED_43] = self._encapsulated()
        own[_VENDOR_OPTIONS] = self._vendor_options()
        for option in OPTIONS:
            kind = own.get(option.code, option.type)
            self.dhcp.add(Option(option.code, option.name, kind, option.rfc, option.server))

    def space(self, name: str) -> Space:
        """The space of a name, new if there is none."""
        return self.spaces.setdefault(name, Space(name))

    def _named(self, table: Mapping[str, object], what: str) -> tuple[Space, dict[str, object]]:
        """The space that a table names, and the rest of it."""
        rest = dict(table)
        name = rest.pop("space", None)
        if name is None:
            raise OptionError(f"`space` is missing; write {what}")
        if not isinstance(name, str) or name not in self.spaces or name == DHCP:
            words = f"{shown(name)} is not an option space; define it in [[option-definitions]]"
            raise OptionError(words, "space")
        return self.spaces[name], rest

    def _encapsulated(self) -> Type:
        """Option 43: whose sub-options they are is nothing that the option itself says."""
        example = '{ space = "docsis", ... }'

        def write(value: object) -> bytes:
            if isinstance(value, dict):
                return _write_row(*self._named(value, example))
            if isinstance(value, str):
                return hex_bytes(value)
            raise OptionError(f'must be {example}, or "hex:...", not {shown(value)}')

        return Type("{space}", write, BYTES.read, open=True)

    # RFC 3925 4
    def _vendor_options(self) -> Type:
        example = '[{ enterprise = 4491, space = "docsis", ... }]'

        def one(value: object) -> tuple[int, bytes]:
            if not isinstance(value, dict):
                raise OptionError(f"{shown(value)} is not a table; write {example}")
            rest = dict(value)
            if "enterprise" not in rest:
                raise OptionError(f"`enterprise` is missing; write {example}")
            number = within("enterprise", U32.write, rest.pop("enterprise"))
            if rest.keys() == {"data"}:
                data = within("data", hex_bytes, rest["data"])
            else:
                data = _write_row(*self._named(rest, example))
            if not 1 <= len(data) <= PART_SIZE_MAX:
                raise OptionError(f"takes {len(data)} octets; one vendor's take 1 to 255")
            return int.from_bytes(number), number + bytes((len(data),)) + data

        def write(value: object) -> bytes:
            found: dict[int, bytes] = {}
            for place, item in enumerate(items(value, "a list of vendors", example)):
                enterprise, data = within(place, one, item)
                if enterprise in found:
                    raise OptionError(f"{enterprise} is there already; write it once", place)
                found[enterprise] = data
            return b"".join(found.values())

        return Type("{enterprise, space}...", write, _read_vendors, open=True)


def _read_vendors(octets: bytes, at: int) -> tuple[Value, int]:
    found: list[Value] = []
    while at < len(octets):
        enterprise, at = U32.read(octets, at)
        size = octets[at]
        data = taken(octets, at + 1, size)
        found.append({"enterprise": enterprise, "data": f"hex:{data.hex()}"})
        at += 1 + size
    return found, at


STANDARD = Definitions()
"""What may be written without any [[option-definitions]]."""


def vendors(octets: bytes) -> Mapping[int, bytes]:
    """RFC 3925 4: what option 125 has of each vendor, its head included."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(octets):
        end = at + 5 + octets[at + 4]
        found[int.from_bytes(octets[at : at + 4])] = octets[at:end]
        at = end
    return found
