"""Domain names in the encoding of RFC 1035 3.1, alone and in lists."""

from fastdhcp.options.errors import OptionError, shown
from fastdhcp.options.types import Type, Value, items, taken

LABEL_SIZE_MAX = 63  # RFC 1035 2.3.4
NAME_SIZE_MAX = 255
LABELS_MAX = 127  # of one octet each, in a name of 255
POINTER = 0xC000  # RFC 1035 4.1.4: the first octet of a pointer has its two high bits set
POINTER_AT_MAX = 0x3FFF
_EXAMPLE = '["lab.example"]'


def name_bytes(name: object, labels: dict[str, int] | None, at: int) -> bytes:
    """A domain name for the place `at` of the option's data.

    `labels` holds the places of the names encoded before, for compression (RFC 3397 2); those of
    this name are added. None: without compression.
    """
    if not isinstance(name, str) or not name.strip("."):
        raise OptionError(f'{shown(name)} is not a domain name; write one as in "lab.example"')
    parts = name.removesuffix(".").split(".")
    if sum(len(part) + 1 for part in parts) + 1 > NAME_SIZE_MAX:
        raise OptionError(f"{shown(name)} is longer than a domain name may be, 255 octets")
    data = b""
    for i, part in enumerate(parts):
        rest = ".".join(parts[i:]).lower()
        if labels is not None and rest in labels:
            return data + (POINTER | labels[rest]).to_bytes(2)
        if labels is not None and at + len(data) <= POINTER_AT_MAX:
            labels[rest] = at + len(data)
        data += _label_bytes(part, name)
    return data + b"\0"


def _label_bytes(label: str, name: str) -> bytes:
    if not label:
        raise OptionError(f"{shown(name)} has an empty label; write single dots between labels")
    if not label.isascii() or not label.isprintable() or " " in label:
        raise OptionError(f"{shown(name)} is not ASCII; write labels in their xn-- form")
    if len(label) > LABEL_SIZE_MAX:
        raise OptionError(f'label "{label[:20]}..." has {len(label)} octets; a label may have 63')
    return bytes((len(label),)) + label.encode("ascii")


def read_name(octets: bytes, at: int) -> tuple[Value, int]:
    """The name at a place, and where the next begins; pointers count from the octets' start."""
    labels: list[str] = []
    after = 0
    for _ in range(2 * LABELS_MAX):  # a label and a pointer each; more is a loop (RFC 1035 4.1.4)
        size = octets[at]
        if size >= 0xC0:
            after = after or at + 2
            at = (size & 0x3F) << 8 | octets[at + 1]
        elif size == 0:
            return ".".join(labels), after or at + 1
        else:
            labels.append(taken(octets, at + 1, size).decode("ascii"))
            at += 1 + size
    raise ValueError("a name that does not end")


def _list_type(compressed: bool) -> Type:
    def write(value: object) -> bytes:
        data = b""
        labels: dict[str, int] | None = {} if compressed else None
        for name in items(value, "a list of domain names", _EXAMPLE):
            data += name_bytes(name, labels, len(data))
        return data

    def read(octets: bytes, at: int) -> tuple[Value, int]:
        names = []
        while at < len(octets):
            name, at = read_name(octets, at)
            names.append(name)
        return names, at

    return Type("names", write, read, open=True)


NAME = Type("name", lambda value: name_bytes(value, None, 0), read_name)
NAMES = _list_type(compressed=False)
SEARCH_LIST = _list_type(compressed=True)
"""RFC 3397 2. Elsewhere names stand whole: who expects no pointer reads them, too."""
