"""What a reservation may name: kinds of identifier, VRFs, classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fastdhcp.config import values
from fastdhcp.config.report import unknown_name

CLASSES_MAX = 4
CLIENT_ID_MIN = 2
"""Octets of option 61 that count at all: a type and one more (RFC 2132 9.14)."""


@dataclass(frozen=True)
class Names:
    """Kinds of identifier by their number, VRFs by their place, classes by place + 1. `given`:
    classes that were named."""

    kinds: Mapping[str, int]
    classes: Mapping[str, int]
    vrfs: Sequence[str] = ()
    given: set[str] = field(default_factory=set)

    @property
    def key(self) -> tuple[object, ...]:
        """All of them, to be compared."""
        return tuple(self.kinds.items()), tuple(self.classes.items()), tuple(self.vrfs)

    def vrf(self, name: str) -> int:
        """The place of a VRF. Raises ValueError."""
        if name == "default":
            return 0
        if name not in self.vrfs:
            raise ValueError(f'no subnet is in the VRF "{name}"; write the vrf of a subnet')
        return self.vrfs.index(name)

    def class_places(self, written: Sequence[str]) -> tuple[int, ...]:
        """Places + 1 of classes. Raises ValueError."""
        if len(written) > CLASSES_MAX:
            count = len(written)
            raise ValueError(f"names {count} classes; a reservation has at most {CLASSES_MAX}")
        for place, name in enumerate(written):
            if name not in self.classes:
                raise ValueError(f'"{name}" {unknown_name("a class", name, self.classes)}')
            if name in written[:place]:
                raise ValueError(f'"{name}" is there already; write each class once')
        self.given.update(written)
        return tuple(self.classes[name] for name in written)


def read_identity(kind: str, text: str) -> bytes:
    """The octets that are compared. Raises ValueError."""
    if kind == "hw-address":
        return values.hardware_identity(text)
    return values.identifier(text, CLIENT_ID_MIN if kind == "client-id" else 1)
