"""The flat tables of the policy image: how rows are packed, and values that rows share.

The formats are those of the structs in _image.pxd; a test holds their sizes together.
"""

import struct
from collections.abc import Iterable, Mapping

from fastdhcp.config.model import Options, Params

LINE = 64  # tables start on a cache line
SIZE_MAX = 0xFFFFFFFF  # places in the image are 32 bits wide
NOWHERE = 0xFFFFFFFF

IMAGE_MAGIC = 0x46444950
IMAGE_LAYOUT = 1

HEADER = struct.Struct("<IIQQII16s4sIII")
TABLE = struct.Struct("<II")
NETWORK = struct.Struct("<8I")
SUBNET = struct.Struct("<11IB3x")
POOL = struct.Struct("<16I")
MASK = struct.Struct("<II32s")
PARAMS = struct.Struct("<12I")
LAYER = struct.Struct("<II")
OPTION = struct.Struct("<B3xII")
RESERVATION = struct.Struct("<7IHBxII")
INTERFACE = struct.Struct("<iIII")
INDEX = struct.Struct("<I")

# In the order of the header, after its fixed fields.
TABLES = (
    "networks", "members", "subnets", "pools", "masks", "params", "layers", "options",
    "reservations", "by_identity", "by_address", "interfaces", "own", "blob",
)  # fmt: skip
HEADER_SIZE = HEADER.size + TABLE.size * len(TABLES)

_AUTHORITATIVE = 1  # ParamsFlag
_RAPID_COMMIT = 2
_BOOTP = 4


def aligned(size: int) -> int:
    """The next cache line."""
    return -(-size // LINE) * LINE


class Blob:
    """Octets that the tables point to, equal ones once. It stands first, so places are known."""

    def __init__(self) -> None:
        self.at = aligned(HEADER_SIZE)
        self.data = bytearray()
        self._places: dict[bytes, int] = {}

    def place(self, data: bytes) -> int:
        """Where in the image `data` stands."""
        found = self._places.get(data)
        if found is None:
            found = self._places[data] = self.at + len(self.data)
            self.data += data
        return found


class ParamsTable:
    """Params, equal ones once."""

    def __init__(self, blob: Blob) -> None:
        self.rows: list[bytes] = []
        self._blob = blob
        self._places: dict[Params, int] = {}
        self._last: tuple[Params | None, int] = (None, 0)

    def place(self, params: Params) -> int:
        """The index of `params`; neighbours mostly share one, so the last is tried first."""
        if params is self._last[0]:
            return self._last[1]
        found = self._places.get(params)
        if found is None:
            found = self._places[params] = len(self.rows)
            self.rows.append(self._pack(params))
        self._last = (params, found)
        return found

    def _pack(self, params: Params) -> bytes:
        flags = (
            _AUTHORITATIVE * params.authoritative
            | _RAPID_COMMIT * params.rapid_commit
            | _BOOTP * params.bootp
        )
        return PARAMS.pack(
            params.lease_s,
            params.lease_min_s,
            params.lease_max_s,
            params.renewal_s,
            params.rebinding_s,
            params.offer_hold_s,
            params.decline_s,
            params.reuse_grace_s,
            params.next_server,
            self._blob.place(params.boot_file),
            len(params.boot_file),
            flags,
        )


class LayerTable:
    """Layers of options, equal ones once. Layer 0 is empty."""

    def __init__(self, blob: Blob) -> None:
        self.rows = [LAYER.pack(0, 0)]
        self.options: list[bytes] = []
        self._blob = blob
        self._places: dict[tuple[tuple[int, bytes], ...], int] = {(): 0}

    def place(self, options: Options) -> int:
        """The index of the layer with these options."""
        if not options:
            return 0
        key = tuple(sorted(options.items()))
        found = self._places.get(key)
        if found is None:
            found = self._places[key] = len(self.rows)
            self.rows.append(LAYER.pack(len(self.options), len(key)))
            place = self._blob.place
            self.options += [OPTION.pack(code, place(data), len(data)) for code, data in key]
        return found


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
    if len(image) > SIZE_MAX:
        raise OverflowError(f"the policy image takes {len(image)} octets; at most 4 GiB fit")
    HEADER.pack_into(
        image,
        0,
        IMAGE_MAGIC,
        IMAGE_LAYOUT,
        len(image),
        fixed["hints_size"],
        fixed["generation"],
        fixed["workers"],
        fixed["secret"],
        fixed["identity"],
        fixed["reservation_kinds"],
        fixed["durable"],
        0,
    )
    for index, name in enumerate(TABLES):
        TABLE.pack_into(image, HEADER.size + index * TABLE.size, *places[name])
    return image
