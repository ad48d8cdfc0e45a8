"""Which key of which place gave each value of a reply: its times, and its fields for booting."""

from collections.abc import Mapping
from typing import Any

from fastdhcp.config.model import INFINITE, PARAMS_LEVELS
from fastdhcp.control.catalog import Catalog
from fastdhcp.control.layers import layer_text
from fastdhcp.packet import Packet

LEASE_TIME, RENEWAL_TIME, REBINDING_TIME = 51, 58, 59
_FIELDS = {"next-server": "next_server", "boot-file": "boot_file", "server-name": "server_name"}
_NEAREST = ("reservation", "when of the pool", "when of the subnet", "class", "place")
Found = Mapping[str, Any]


def given_by(asked: Packet, reply: Packet | None, found: Found, catalog: Catalog) -> dict[str, str]:
    """In words, by the key of [defaults] that the value is of; only of what is told."""
    if reply is None or not found["values"]:
        return {}
    keys = _Keys(found, catalog)
    told = {}
    if LEASE_TIME in reply.options:
        told["lease-time"] = _lease(asked, keys)
    if RENEWAL_TIME in reply.options:
        told |= _renewals(int.from_bytes(reply.options[LEASE_TIME]), keys)
    said = {
        "next-server": reply.siaddr != "0.0.0.0", "boot-file": bool(reply.file),
        "server-name": bool(reply.sname),
    }  # fmt: skip
    return told | {key: keys.place(name) for key, name in _FIELDS.items() if said[key]}


class _Keys:
    """The keys as they count for who is answered so."""

    def __init__(self, found: Found, catalog: Catalog) -> None:
        self._found, self._catalog = found, catalog

    def value(self, name: str) -> int:
        return int(self._found["values"][name][0])

    def place(self, name: str) -> str:
        """Where it was written."""
        kind, level, number = self._found["values"][name][1]
        if kind != "place":
            return layer_text(kind, level, number, self._found, self._catalog)
        written = PARAMS_LEVELS[level]
        if written in ("subnet", "pool"):
            return layer_text(written, 0, 0, self._found, self._catalog)
        return written or "the server: it is written nowhere"

    def rank(self, name: str) -> int:
        """The nearer what wrote it, the less."""
        return _NEAREST.index(self._found["values"][name][1][0])

    def of(self, key: str, name: str) -> str:
        return f"{key} of {self.place(name)}"


def _lease(asked: Packet, keys: _Keys) -> str:
    """As lease_time of _engine.pyx has it: what the client asks for, within the limits."""
    if keys.value("lease_s") == INFINITE:
        return keys.of("lease-time", "lease_s")
    wish = asked.options.get(LEASE_TIME, b"")
    wanted = int.from_bytes(wish) if len(wish) == 4 else keys.value("lease_s")
    if wanted < keys.value("lease_min_s"):
        return _limit("lease-time-min", "lease_min_s", keys)
    if wanted > keys.value("lease_max_s"):
        return _limit("lease-time-max", "lease_max_s", keys)
    return "the client, which asks for it" if wish else _default(keys)


def _limit(key: str, name: str, keys: _Keys) -> str:
    """A limit that nobody wrote is the lease time."""
    return _default(keys) if keys.value(name) == keys.value("lease_s") else keys.of(key, name)


def _default(keys: _Keys) -> str:
    """As keep_times_in_order of _overlay.pxd has it: a nearer limit bounds a farther time."""
    for key, name in (("lease-time-min", "lease_min_s"), ("lease-time-max", "lease_max_s")):
        if keys.value(name) == keys.value("lease_s") and keys.rank(name) < keys.rank("lease_s"):
            return keys.of(key, name)
    return keys.of("lease-time", "lease_s")


def _renewals(lease_s: int, keys: _Keys) -> dict[str, str]:
    """As write_times of _reply.pyx has them: what is written counts if it is below the lease."""
    first, second = "half of the lease", "seven eighths of the lease"
    renewal_s, rebinding_s = lease_s // 2, lease_s * 7 // 8
    if 0 < keys.value("rebinding_s") < lease_s:
        rebinding_s = keys.value("rebinding_s")
        second = keys.of("rebinding-time", "rebinding_s")
    if 0 < keys.value("renewal_s") < lease_s:
        renewal_s = keys.value("renewal_s")
        first = keys.of("renewal-time", "renewal_s")
    if renewal_s >= rebinding_s:
        first = "half of the rebinding time"
    return {"renewal-time": first, "rebinding-time": second}
