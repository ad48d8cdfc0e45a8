"""Octets as other servers write them, which are text here: most likely the octets are meant."""

import re

_PAIRS = re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){3,}")
_PREFIXED = re.compile(r"0[xX]([0-9A-Fa-f]{2,})")
_DOTTED = re.compile(r"[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2,}(?:\.[0-9A-Fa-f]{2})?")
_QUOTED = re.compile(r"'(.+)'")
IN_CSV = (
    rb"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){3,}|0[xX][0-9A-Fa-f]{2,}"
    rb"|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2,}(?:\.[0-9A-Fa-f]{2})?|'[^',\n]+'"
)
"""Any of them, in a field of CSV that has no comma."""
# hexstring() makes such text, so of what has pairs of digits only what is read as it came is meant.
_IN_TEST = re.compile(
    r"'(0[xX][0-9A-Fa-f]{2,})'"
    r"|(?:\.hex|pkt4\.mac)\s*[=!]=\s*'([0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){3,})'"
)


def octets_of(text: str) -> bytes | None:
    """The octets that "01:0a:...", "0x010a..." or "010a.0b0c..." most likely mean; None: a text."""
    if found := _PREFIXED.fullmatch(text):
        digits = found[1]
        return bytes.fromhex("0" * (len(digits) % 2) + digits)
    if _PAIRS.fullmatch(text) or _DOTTED.fullmatch(text):
        return bytes.fromhex(re.sub(r"[:.-]", "", text))
    return None


def doubt_of_identifier(text: str) -> str | None:
    """What to warn of an identifier that is taken as text; None: nothing."""
    if (octets := octets_of(text)) is not None:
        return (
            f'"{text}" is taken as {len(text)} letters; if octets are meant, write '
            f'"hex:{octets.hex()}"'
        )
    if quoted := _QUOTED.fullmatch(text):
        return f'"{text}" is taken with its quotes; write "{quoted[1]}" if they are not meant'
    return None


def doubt_of_expression(text: str) -> str | None:
    """Likewise, of an expression."""
    found = _IN_TEST.search(text)
    if found is None:
        return None
    written = found[1] or found[2]
    octets = octets_of(written)
    assert octets is not None
    return (
        f"'{written}' is text of {len(written)} letters; if octets are meant, write "
        f"0x{octets.hex()} without quotes"
    )
