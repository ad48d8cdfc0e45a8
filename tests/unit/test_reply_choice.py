"""Which options a reply has, against a plain model of it: random layers, random request lists."""

from random import Random

import pytest

from fastdhcp._codec import decode
from tests._trial_replies import ReplyMaker

from .test_reply import make, request
from .test_reply_options import maker_of

CODES = (3, 6, 12, 33, 42, 108, 116, 121, 125, 159, 224, 249)
FRAME = {51, 53, 54, 58, 59}
BOUND = {108, 116, 159}  # RFC 8925 3.3, 2563 2.3, 7618 8: to being asked for
LEVELS = ("defaults", "subnet", "pool", "kept")  # the farthest first
MASK = bytes((255, 255, 252, 0))


class Layers:
    """What is written at each level: values, the vendors of 125, and what is sent or not."""

    def __init__(self, random: Random) -> None:
        self.values: dict[str, dict[int, bytes]] = {}
        self.vendors: dict[str, dict[int, bytes]] = {}
        self.always: dict[str, set[int]] = {}
        self.never: dict[str, set[int]] = {}
        for level in LEVELS:
            codes = {code for code in CODES if random.random() < 0.3}
            self.values[level] = {code: random.randbytes(3) for code in codes - {125}}
            self.vendors[level] = {
                number: random.randbytes(2) for number in range(1, 5) if random.random() < 0.3
            }
            named = [code for code in (1, *CODES) if random.random() < 0.15]
            self.always[level] = set(named[::2])
            self.never[level] = set(named[1::2])

    def toml(self, level: str) -> str:
        options = [f'"{code}" = "hex:{data.hex()}"' for code, data in self.values[level].items()]
        if self.vendors[level]:
            parts = ", ".join(
                f'{{ enterprise = {number}, data = "hex:{data.hex()}" }}'
                for number, data in self.vendors[level].items()
            )
            options.append(f"vendor-options = [{parts}]")
        keys = {
            "options": f"{{ {', '.join(options)} }}",
            "always-send": str(sorted(self.always[level])),
            "never-send": str(sorted(self.never[level])),
        }
        join = ", " if level == "pool" else "\n"
        return join.join(f"{key} = {value}" for key, value in keys.items())

    def value(self, code: int, *, listed: bool) -> bytes | None:
        if code == 1:
            return MASK
        if code == 125:
            return self.joined_vendors()
        for level in reversed(LEVELS):
            if code in self.values[level]:
                return self.values[level][code]
        return self.value(121, listed=listed) if code == 249 and listed else None

    def joined_vendors(self) -> bytes | None:
        """Subnet and defaults are one layer: its order is the farther one's, then the nearer's."""
        near = [self.vendors["kept"], self.vendors["pool"]]
        folded = {**self.vendors["defaults"], **self.vendors["subnet"]}
        found: dict[int, bytes] = {}
        for layer in (*near, folded):
            found |= {number: data for number, data in layer.items() if number not in found}
        parts = (n.to_bytes(4) + bytes((len(data),)) + data for n, data in found.items())
        return b"".join(parts) or None

    def word(self, code: int) -> str:
        for level in reversed(LEVELS):
            if code in self.always[level]:
                return "always"
            if code in self.never[level]:
                return "never"
        return ""


def wanted(layers: Layers, asked: list[int] | None) -> dict[int, bytes]:
    """docs/OPTIONS.md, "Who gets which, in which order", in a few plain lines."""
    listed = asked is not None
    always = [code for code in range(1, 255) if layers.word(code) == "always"]
    mask = [1] if asked is None or 1 in asked else []
    if asked is None:
        order = [*mask, *always, 121, *(code for code in range(1, 255) if code not in BOUND)]
        away: set[int] = set()
    else:
        order = [*mask, *always, *asked]
        classless = 121 in asked and layers.word(121) != "never"
        away = {3, 33} if classless and layers.value(121, listed=True) else set()
        if away and layers.value(249, listed=False) is None:
            away.add(249)
        away -= set(always)
    found: dict[int, bytes] = {}
    for code in order:
        value = layers.value(code, listed=listed)
        if value is not None and code not in away and layers.word(code) != "never":
            found.setdefault(code, value)
    return found


@pytest.mark.parametrize("seed", range(60))
def test_rfc2132_9_8_what_is_sent_is_what_the_model_says(seed: int) -> None:
    random = Random(seed)
    layers = Layers(random)
    maker: ReplyMaker = maker_of(**{level: layers.toml(level) for level in LEVELS})
    for _ in range(20):
        asked: list[int] | None = random.choices((1, *CODES), k=random.randrange(1, 9))
        if random.random() < 0.2:
            asked = None
        options = {} if asked is None else {55: bytes(asked)}
        size = {57: (1500).to_bytes(2)}
        message = make(maker, request(options={**options, **size}), reservation=0)
        found = {k: v for k, v in decode(message).options.items() if k not in FRAME}
        assert list(found.items()) == list(wanted(layers, asked).items())
