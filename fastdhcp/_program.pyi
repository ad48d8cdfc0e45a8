"""Programs of the policy, run by hand: for `explain`, for the compiler's constants, for tests."""

from collections.abc import Mapping

OPS: Mapping[str, int]
NUMBERS: Mapping[str, int]
LIMITS: Mapping[str, int]

def evaluate(
    image_bytes: bytes | bytearray,
    program: int,
    message: bytes,
    *,
    relay_info: bytes | None = None,
    known: bool = False,
    classes: int = 0,
    ifindex: int = 0,
    source: int = 0,
    destination: int = 0,
    whole: bool = False,
) -> tuple[bool, bytes | None]:
    """(truth, value) of a program of an image upon a request; value None: absent."""
