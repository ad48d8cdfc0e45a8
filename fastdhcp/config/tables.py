"""The flat tables of the policy image: how rows are packed and read, and values that rows share.

The fields are those of the structs in _image.pxd, in their order; a test holds the two together.
"""

import struct
from collections import namedtuple
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from mmap import mmap
from typing import Any

from fastdhcp.config.model import OPTION_LEVELS, Chosen, Given, Levels, Options, Params

LINE = 64  # tables start on a cache line
SIZE_MAX = 0xFFFFFFFF  # places in the image are 32 bits wide
NOWHERE = 0xFFFFFFFF

IMAGE_MAGIC = 0x46444950
IMAGE_LAYOUT = 7


class Row:
    """A row of a table: its fields by name, each with its code of the struct module.

    Fields whose code is of padding (``3x``) have no value.
    """

    def __init__(self, **codes: str) -> None:
        self._struct = struct.Struct("<" + "".join(codes.values()))
        self.fields = tuple(name for name, code in codes.items() if not code.endswith("x"))
        self._made = namedtuple("_made", self.fields)  # type: ignore[misc]
        self.size = self._struct.size

    def pack(self, **values: int | bytes) -> bytes:
        """Every field of the row. Raises TypeError for one that is missing or unknown,
        OverflowError for a number that its field does not hold."""
        try:
            return self._struct.pack(*self._made(**values))
        except struct.error as error:
            told = ", ".join(f"{name} = {value!r}" for name, value in values.items())
            raise OverflowError(f"the policy image has no room for {told}: {error}") from error

    def read(self, data: bytes | bytearray) -> Iterator[Any]:
        """The rows in `data`, whose length is a multiple of their size: fields as attributes."""
        return (self._made(*values) for values in self._struct.iter_unpack(data))


def _params_row() -> Row:
    """The fields of Params in their order; octets by place and size, truths in one word."""
    codes: dict[str, str] = {}
    for field in fields(Params):
        if field.type is bytes:
            codes |= {f"{field.name}_at": "I", f"{field.name}_len": "I"}
        elif field.type is not bool:
            codes[field.name] = "I"
    return Row(**codes, flags="I")


# ParamsFlag: a bit for each truth; and one that all rows of an image have, or none.
FLAGS = {
    name: 1 << place
    for place, name in enumerate(field.name for field in fields(Params) if field.type is bool)
}
FLAGS["v6_only"] = 1 << len(FLAGS)
# OptionFlag.
ALWAYS, NEVER, BY_VENDOR, NO_VALUE, IMPLIED = 1, 2, 4, 8, 16
SENDING = {"": 0, "always": ALWAYS, "never": NEVER}
HEADER = Row(
    magic="I", layout="I", size="Q", generation="I", workers="I", identity="16s", durable="I",
    vrfs="I", relay_rules="I", programs_read="I", identity_kinds="I",
    named="16s", class_first="I", class_count="I", class_effects="I", trains="I",
    spare="4x",
)  # fmt: skip
TABLE = Row(at="I", count="I")
NETWORK = Row(
    number="I", vrf="I", member_first="I", member_count="I", name_at="I", name_len="I",
    kinds="H", kinds_any="H", spare="4x",
)  # fmt: skip
SUBNET = Row(
    vrf="I", address="I", mask="I", network="I", id="I", params="I", layer="I", pool_first="I",
    pool_count="I", name_at="I", name_len="I", prefix_len="B", own_graces="B",
    spare="2x", guard="I", when_first="I", when_count="I",
)  # fmt: skip
POOL = Row(
    vrf="I", first="I", last="I", subnet="I", params="I", layer="I", block_first="I",
    block_count="I", mask_first="I", mask_count="I", hints_at="I", size="I", name_at="I",
    name_len="I", guard="I", when_first="I", when_count="I", spare="4x",
)  # fmt: skip
MASK = Row(block="I", spare="4x", allowed="32s")
PARAMS = _params_row()
LAYER = Row(option_first="I", option_count="I")
OPTION = Row(code="B", flags="B", level="B", spare="x", value_at="I", value_len="I")
INTERFACE = Row(
    ifindex="i", network="I", vrf="I", address="I", subnet="I", mtu="I", untrusted="I", name_at="I",
    name_len="I",
)  # fmt: skip
OWN = Row(vrf="I", address="I")
AGENT = Row(
    first="I", last="I", vrf="I", network="I", subnet="I", name_at="I", name_len="I", spare="4x",
)  # fmt: skip
VPN = Row(vrf="I", name_at="I", name_len="I", vss_at="I", vss_len="I")
INDEX = Row(value="I")
OCTET = Row(value="B")
INSTRUCTION = Row(op="B", a="B", b="H", c="I")
PROGRAM = Row(first="I", count="I")
SLOT_TABLE = Row(slot_of="256s", count="I")
CLASS = Row(
    id="I", name_at="I", name_len="I", flags="I", overlay="I", layer="I", counter="I", test_at="I",
    test_len="I", omitted="I",
)  # fmt: skip
CLASS_ID = Row(id="I", number="I")
CLASS_SETS = Row(drop="32s", lease="32s", overlaid="32s", told="32s")
CLASS_PLACE = Row(hash="I", literal_at="I", literal_len="H", number="H", counter="I")
GUARD = Row(allow="32s", deny="32s")
WHEN = Row(number="I", overlay="I", layer="I", spare="4x")
LEVELS = Row(of="16s")
OVERLAY = Row(keys="I", value_first="I", flags_given="I", flags="I")

CLASS_TABLES = ("classes", "class_ids", "class_sets", "class_places", "guards", "whens")
# In the order of the header, after its fixed fields.
TABLES = (
    "networks", "members", "subnets", "pools", "masks", "params", "layers", "options",
    "interfaces", "own", "agents", "vpns", "definitions", "instructions", "programs", "slots",
    *CLASS_TABLES, "overlays", "overlay_values", "levels", "blob",
)  # fmt: skip
ROWS = {
    "networks": NETWORK, "members": INDEX, "subnets": SUBNET, "pools": POOL, "masks": MASK,
    "params": PARAMS, "layers": LAYER, "options": OPTION, "interfaces": INTERFACE, "own": OWN,
    "agents": AGENT, "vpns": VPN, "definitions": OCTET,
    "instructions": INSTRUCTION, "programs": PROGRAM, "slots": SLOT_TABLE,
    "classes": CLASS, "class_ids": CLASS_ID, "class_sets": CLASS_SETS,
    "class_places": CLASS_PLACE, "guards": GUARD, "whens": WHEN, "overlays": OVERLAY,
    "overlay_values": INDEX, "levels": LEVELS,
}  # fmt: skip
"""Of each table but `blob`, which has none."""
HEADER_SIZE = HEADER.size + TABLE.size * len(TABLES)


def aligned(size: int) -> int:
    """The next cache line."""
    return -(-size // LINE) * LINE


def check_size(size: int) -> None:
    """Raises OverflowError for an image that cannot be that long."""
    if size > SIZE_MAX:
        raise OverflowError(f"the policy image takes {size} octets; at most 4 GiB fit")


class Blob:
    """Octets that the tables point to, equal ones once. It stands first, so places are known."""

    def __init__(self) -> None:
        self.at = aligned(HEADER_SIZE)
        self.data = bytearray()
        self._places: dict[bytes, int] = {}

    def place(self, data: bytes) -> int:
        """Where in the image `data` stands. Raises OverflowError over 4 GiB."""
        found = self._places.get(data)
        if found is None:
            found = self.at + len(self.data)
            check_size(found + len(data))
            self._places[data] = found
            self.data += data
        return found


class ParamsTable:
    """Params, equal ones once."""

    def __init__(self, blob: Blob) -> None:
        self._rows: list[tuple[dict[str, int], int]] = []  # values, flags
        self._blob = blob
        self._places: dict[Params, int] = {}
        self._last: tuple[Params | None, int] = (None, 0)

    def place(self, params: Params) -> int:
        """The index of `params`; neighbours mostly share one, so the last is tried first."""
        if params is self._last[0]:
            return self._last[1]
        found = self._places.get(params)
        if found is None:
            found = self._places[params] = len(self._rows)
            self._rows.append(self._values(params))
        self._last = (params, found)
        return found

    def packed(self, flags: int) -> list[bytes]:
        """All rows, with `flags` beside their own."""
        return [PARAMS.pack(**values, flags=own | flags) for values, own in self._rows]

    def _values(self, params: Params) -> tuple[dict[str, int], int]:
        values: dict[str, int] = {}
        flags = 0
        for field in fields(Params):
            value = getattr(params, field.name)
            if field.type is bytes:
                values[f"{field.name}_at"] = self._blob.place(value)
                values[f"{field.name}_len"] = len(value)
            elif field.name in FLAGS:
                flags |= FLAGS[field.name] * value
            else:
                values[field.name] = value
        return values, flags


def levels_row(levels: Levels) -> bytes:
    """Where each word of a place's Params was written."""
    found = bytes(levels.get(name, 0) for name in _FIELDS)
    return LEVELS.pack(of=found.ljust(LEVELS.size, b"\0"))


_FIELDS = [name.removesuffix("_at").removesuffix("_len") for name in PARAMS.fields]


class OverlayTable:
    """Values that are laid over a row of Params, equal ones once. Overlay 0 is empty."""

    def __init__(self, blob: Blob) -> None:
        self.rows = [OVERLAY.pack(keys=0, value_first=0, flags_given=0, flags=0)]
        self.values: list[bytes] = []
        self._blob = blob
        self._places: dict[tuple[tuple[str, object], ...], int] = {(): 0}

    def place(self, chosen: Chosen) -> int:
        """The index of the overlay with these values, by field of Params."""
        key = tuple(sorted(chosen.items()))
        found = self._places.get(key)
        if found is None:
            found = self._places[key] = len(self.rows)
            self._add(chosen)
        return found

    def _add(self, chosen: Chosen) -> None:
        words: dict[int, int] = {}
        given = flags = 0
        for name, value in chosen.items():
            if isinstance(value, bytes):
                at = PARAMS.fields.index(f"{name}_at")
                words |= {at: self._blob.place(value), at + 1: len(value)}
            elif name in FLAGS:
                given |= FLAGS[name]
                flags |= FLAGS[name] * value
            else:
                words[PARAMS.fields.index(name)] = value
        for limit in ("lease_min", "lease_max"):
            if f"{limit}_s" in chosen:
                given |= FLAGS[limit]
                flags |= FLAGS[limit]
        self.rows.append(
            OVERLAY.pack(
                keys=sum(1 << word for word in words),
                value_first=len(self.values),
                flags_given=given,
                flags=flags,
            )
        )
        self.values += [INDEX.pack(value=words[word]) for word in sorted(words)]


class LayerTable:
    """Layers of options, equal ones once. Layer 0 is empty."""

    def __init__(self, blob: Blob) -> None:
        self.rows = [LAYER.pack(option_first=0, option_count=0)]
        self.options: list[bytes] = []
        self.codes: set[int] = set()
        """Of all options of all layers."""
        self._blob = blob
        self._places: dict[tuple[tuple[int, Given, str], ...], int] = {(): 0}

    def place(self, options: Options) -> int:
        """The index of the layer with these options."""
        if not options:
            return 0
        key = tuple((code, options[code], options[code].level) for code in sorted(options))
        found = self._places.get(key)
        if found is None:
            found = self._places[key] = len(self.rows)
            row = LAYER.pack(option_first=len(self.options), option_count=len(key))
            self.rows.append(row)
            self.options += [self._pack(code, said) for code, said, _ in key]
            self.codes |= options.keys()
        return found

    def _pack(self, code: int, said: Given) -> bytes:
        value = said.value or b""
        flags = SENDING[said.sending]
        flags |= NO_VALUE if said.value is None else BY_VENDOR if said.by_vendor else 0
        flags |= IMPLIED if said.implied else 0
        place = self._blob.place(value)
        level = OPTION_LEVELS.index(said.level)
        return OPTION.pack(
            code=code, flags=flags, level=level, value_at=place, value_len=len(value)
        )


def assemble(
    fixed: Mapping[str, int | bytes], blob: Blob, rows: Mapping[str, Iterable[bytes]]
) -> bytearray:
    """The image: header, blob, then the other tables, each on a cache line.

    Raises OverflowError if it would not fit into 4 GiB.
    """
    image = bytearray(blob.at)
    image += blob.data
    places = {"blob": (blob.at, len(blob.data))}
    for name in TABLES[:-1]:
        packed = list(rows[name])
        image += bytes(aligned(len(image)) - len(image))
        places[name] = (len(image), len(packed))
        image += b"".join(packed)
    image += bytes(aligned(len(image)) - len(image))
    check_size(len(image))
    head = HEADER.pack(magic=IMAGE_MAGIC, layout=IMAGE_LAYOUT, size=len(image), **fixed)
    head += b"".join(TABLE.pack(at=places[name][0], count=places[name][1]) for name in TABLES)
    image[: len(head)] = head
    return image


def read_header(image: bytes | bytearray | mmap) -> Any:
    """The fixed fields of an image's head. Raises ValueError if it is of another layout."""
    header = next(HEADER.read(image[: HEADER.size]))
    if (header.magic, header.layout) != (IMAGE_MAGIC, IMAGE_LAYOUT):
        raise ValueError("the policy image is not of this layout")
    return header


def read_rows(image: bytes | bytearray | mmap, name: str) -> list[Any]:
    """All rows of a table."""
    table, row = _table(image, name), ROWS[name]
    return list(row.read(image[table.at : table.at + table.count * row.size]))


def read_row(image: bytes | bytearray | mmap, name: str, number: int) -> Any:
    """One row of a table."""
    row = ROWS[name]
    place = _table(image, name).at + number * row.size
    return next(row.read(image[place : place + row.size]))


def _table(image: bytes | bytearray | mmap, name: str) -> Any:
    place = HEADER.size + TABLES.index(name) * TABLE.size
    return next(TABLE.read(image[place : place + TABLE.size]))
