"""Numbers for names: VRFs, subnets, classes. Given once, kept in ``meta``, never used again.

Records name a VRF, subnet or class by its number. What leaves the configuration keeps its number,
so that a lease still says where it was given, and the same prefix coming back is the same subnet.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from fastdhcp.store.database import META_CLASSES, META_SUBNETS, META_VRFS, Database, Write

DEFAULT_VRF = ""
"""The VRF without a name has number 0."""

_TABLES = (META_VRFS, META_SUBNETS, META_CLASSES)


@dataclass
class Ids:
    """Every name that ever had a number. Numbers begin at 1."""

    tables: dict[bytes, dict[str, int]] = field(default_factory=dict)
    changed: set[bytes] = field(default_factory=set)

    @classmethod
    def load(cls, database: Database) -> "Ids":
        """Raises DatabaseError."""
        return cls({key: _table(database.read_meta(key)) for key in _TABLES})

    @classmethod
    def parse(cls, told: object) -> "Ids":
        """From what told() made: the store's files are gone, and its numbers are in use."""
        found = told if isinstance(told, dict) else {}
        return cls({key: _table(found.get(key.decode())) for key in _TABLES})

    def told(self) -> dict[str, object]:
        """All of them, for the supervisor to keep."""
        return {key.decode(): table for key, table in self.tables.items()}

    def vrf(self, name: str) -> int:
        return 0 if name == DEFAULT_VRF else self._number(META_VRFS, name)

    def assign(self, names: dict[str, object]) -> dict[str, object]:
        """Numbers for a policy's ``vrfs`` (names), ``subnets`` ([VRF's name, prefix]) and
        ``classes`` (names); new names get new numbers. They hold once save() is on disk."""
        vrfs = {str(name): self.vrf(str(name)) for name in _items(names.get("vrfs"))}
        subnets = [
            self._number(META_SUBNETS, f"{self.vrf(vrf)} {prefix}")
            for vrf, prefix in _items(names.get("subnets"))
        ]
        classes = {
            str(name): self._number(META_CLASSES, str(name))
            for name in _items(names.get("classes"))
        }
        return {"vrfs": vrfs, "subnets": subnets, "classes": classes}

    def save(self, transaction: Write) -> None:
        """Puts what is new into the transaction; saved() when it is on disk."""
        for key in self.changed:
            transaction.put_meta(key, self.tables[key])

    def save_all(self, transaction: Write) -> None:
        """As save(), into a store that has none of them."""
        self.changed.update(self.tables)
        self.save(transaction)

    def saved(self) -> None:
        self.changed.clear()

    def _number(self, key: bytes, name: str) -> int:
        table = self.tables.setdefault(key, {})
        if name not in table:
            # Nothing is ever taken out, so the next number was never used.
            table[name] = len(table) + 1
            self.changed.add(key)
        return table[name]


def _table(value: object) -> dict[str, int]:
    return dict(value) if isinstance(value, dict) else {}


def _items(value: object) -> Iterable:  # type: ignore[type-arg]
    return value if isinstance(value, list | tuple) else ()
