"""A decoded DHCP message as Python sees it, with the errors of decoding and encoding."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

OPTION_OVERLOAD = 52
OPTION_MESSAGE_TYPE = 53
OPTION_RELAY_INFO = 82
MESSAGE_TYPE_MAX = 18  # RFC 7724

Options = Mapping[int, bytes] | Iterable[tuple[int, bytes]]


class DecodeError(ValueError):
    """The bytes are no DHCP or BOOTP message; `reason` is a drop reason's name (`bad-hlen`)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EncodeError(ValueError):
    """A message cannot be written as asked; the text says what does not fit and where."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One message, RFC 2131 2 figure 1; `encode(**dataclasses.asdict(packet))` writes it again.

    Addresses are dotted text. `chaddr` has hlen bytes (0-16). `sname` and `file` end before their
    first NUL, and are empty where option 52 says that they hold options. `message_type` is option
    53 (1-18), or None for BOOTP. `options` has every option once, repeats joined in the order
    options field, file, sname (RFC 3396), without pad and END.
    """

    op: int
    htype: int
    hlen: int
    hops: int
    xid: int
    secs: int
    flags: int
    ciaddr: str
    yiaddr: str
    siaddr: str
    giaddr: str
    chaddr: bytes
    sname: bytes
    file: bytes
    message_type: int | None
    options: dict[int, bytes]


def sort_options(
    message_type: int | None, options: Options
) -> tuple[bytes | None, dict[int, bytes], bytes | None]:
    """Option 53, the options between in their order, and option 82; parts of one code joined.

    Option 52 is left out: whether it is needed shows when the others are laid. Raises EncodeError
    for a code outside 1-254, a `message_type` outside 1-18 or one that is not what 53 says.
    """
    values: dict[int, bytes] = {}
    for code, value in options.items() if isinstance(options, Mapping) else options:
        if not 1 <= code <= 254:
            raise EncodeError(f"an option's code is {code}: it must be 1 to 254")
        values[code] = values.get(code, b"") + value
    values.pop(OPTION_OVERLOAD, None)
    kind = values.pop(OPTION_MESSAGE_TYPE, None)
    if message_type is not None:
        if not 1 <= message_type <= MESSAGE_TYPE_MAX:
            raise EncodeError(f"message_type is {message_type}: it must be 1 to 18")
        wanted = bytes([message_type])
        if kind not in (None, wanted):
            raise EncodeError(f"option 53 is {kind!r}, but message_type is {message_type}")
        kind = wanted
    return kind, values, values.pop(OPTION_RELAY_INFO, None)
