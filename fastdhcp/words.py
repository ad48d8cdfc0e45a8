"""What the data plane counts and keeps, as people read and write it: names, addresses, octets."""

import socket
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from fastdhcp._stats import RECEIVED_UNREADABLE, counter_words, drop_names

MESSAGE_NAMES = (
    "bootp", "discover", "offer", "request", "decline", "ack", "nak", "release", "inform",
    "forcerenew", "leasequery", "leaseunassigned", "leaseunknown", "leaseactive",
    "bulkleasequery", "leasequerydone", "activeleasequery", "leasequerystatus", "tls",
)  # fmt: skip
"""By option 53 (RFC 2132 9.6 and its followers); 0 stands for BOOTP, which has none."""

COUNTERS: Mapping[str, tuple[str, str]] = {
    "COUNT_BINDINGS": ("bindings_total", "Changes of bindings applied."),
    "COUNT_OFFERS": ("offers_total", "Offers noted in the table."),
    "COUNT_HELD": ("replies_held_total", "Replies that waited for the store."),
    "COUNT_REDECIDED": (
        "decisions_repeated_total",
        "Decisions made again because the record had moved.",
    ),
    "COUNT_CACHE_MISS": ("reply_cache_misses_total", "Bodies of replies built anew."),
    "COUNT_INDEX_FULL": ("index_full_total", "Clients left out of the client index."),
    "COUNT_REPAIRS": ("repairs_total", "Records repaired after a process's death."),
    "COUNT_COMMITS": ("commits_total", "Commits that are on disk."),
    "COUNT_COMMIT_FAILED": ("commit_failures_total", "Commits that failed."),
    "COUNT_SWEPT": ("offers_lapsed_total", "Offers that nobody took."),
    "COUNT_EXPIRED": ("leases_expired_total", "Leases ended by time."),
    "COUNT_CHECKPOINT_CHUNKS": ("checkpoint_chunks_total", "Chunks written by checkpoints."),
    "COUNT_LOG_DROPPED": ("log_lines_dropped_total", "Lines of the log that found no reader."),
    "COUNT_INTERNAL_ERRORS": ("internal_errors_total", "What nobody foresaw in the supervisor."),
    "COUNT_RELAY_INFO_LEFT_OUT": (
        "relay_info_left_out_total",
        "Replies without the option 82 that came, for want of room.",
    ),
}
"""Counters of a single word, by their name in _stats: the metric and its help. The log says the
same without ``_total``."""

CIRCUIT_ID, REMOTE_ID = 1, 2  # RFC 3046 3.1, 3.2
SUBSCRIBER_ID = 6  # RFC 3993 3


def printable(text: str) -> str:
    """The text with all that no terminal should get written as an escape: control characters, and
    octets of a name that is not UTF-8 (`b\\xff.toml`)."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # an octet, as Python keeps it in names (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode()


def instant(unix_s: float) -> str:
    """`2026-11-30T14:58:49Z`"""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def counted(count: int, noun: str) -> str:
    """`1 lease`, `1,200 leases`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def message_name(number: int) -> str:
    """`discover` for 1; what has no name is `undecoded` or its number."""
    if number < len(MESSAGE_NAMES):
        return MESSAGE_NAMES[number]
    return "undecoded" if number == RECEIVED_UNREADABLE else str(number)


def counters_in_words(words: Sequence[int]) -> dict[str, int]:
    """What has been counted, by name: what came and went by message type, drops by reason."""
    found = {}
    at = counter_words()
    for kind, name in enumerate(MESSAGE_NAMES):
        found[f"received-{name}"] = words[at["COUNT_RECEIVED"] + kind]
        found[f"sent-{name}"] = words[at["COUNT_SENT"] + kind]
        found[f"done-{name}"] = words[at["COUNT_DONE"] + kind]
    for reason, name in enumerate(drop_names()):
        found[f"dropped-{name}"] = words[at["COUNT_DROPPED"] + reason]
    for word, (metric, _) in COUNTERS.items():
        found[metric.removesuffix("_total").replace("_", "-")] = words[at[word]]
    found["waiting"] = words[at["COUNT_WAITING"]]
    return {name: value for name, value in found.items() if value}


def address_text(address: int) -> str:
    return socket.inet_ntoa(address.to_bytes(4))


def address_number(text: str) -> int:
    """Raises ValueError for anything but four numbers with dots between."""
    try:
        return int.from_bytes(socket.inet_pton(socket.AF_INET, text))
    except (OSError, ValueError):
        raise ValueError(f"{text!r} is not an address; write four numbers as in 10.0.0.1") from None


def hardware_text(chaddr: bytes) -> str | None:
    """Hex with colons; None for a client that sent none."""
    return chaddr.hex(":") if chaddr else None


def hardware_bytes(text: str) -> bytes:
    """Octets of `02:ee:00:00:00:01`, also with dashes or dots, or without anything between.

    Raises ValueError.
    """
    digits = text.replace(":", "").replace("-", "").replace(".", "")
    try:
        chaddr = bytes.fromhex(digits)
    except ValueError:
        chaddr = b""
    if not 1 <= len(chaddr) <= 16:
        raise ValueError(f"{text!r} is not a hardware address; write 1 to 16 pairs of hex digits")
    return chaddr


def identifier_text(octets: bytes) -> str | None:
    """Text where all of it is printable ASCII, else `hex:...`; None if it is empty.

    What reads `hex:...` itself is written in hex, so that no two identifiers look alike.
    """
    if not octets:
        return None
    if all(0x20 <= octet < 0x7F for octet in octets) and not octets.startswith(b"hex:"):
        return octets.decode("ascii")
    return f"hex:{octets.hex()}"


def relay_parts(relay_info: bytes) -> Iterator[tuple[int, bytes]]:
    """Sub-options of option 82 (RFC 3046 2.0), as far as they can be read."""
    at = 0
    while at + 2 <= len(relay_info) and at + 2 + relay_info[at + 1] <= len(relay_info):
        code, part = relay_info[at], relay_info[at + 2 : at + 2 + relay_info[at + 1]]
        yield code, part
        at += 2 + len(part)


def relay_sub_options(relay_info: bytes) -> dict[int, bytes]:
    """The same by code: of repeats the first that is not empty (_relay.pxd)."""
    found: dict[int, bytes] = {}
    for code, part in relay_parts(relay_info):
        found[code] = found.get(code) or part
    return found
