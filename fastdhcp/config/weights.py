"""What each instruction of a program takes a worker: so many instructions of the machine.

Counted by callgrind (`python -m tests.bench.weights` does it again) as gcc 12 -O2 makes them on
x86-64, of values of 32 octets: what is made of octets, or looks through them, grows with these.
"""

from collections.abc import Mapping, Sequence

from fastdhcp.config.fusion import JUMPS
from fastdhcp.config.reads import Step

RUN = 104
"""To begin and end."""
WEIGHTS: Mapping[str, int] = {
    "option": 43, "literal": 48, "relay-info": 44, "relay": 107, "header": 53, "hardware": 47,
    "number": 71, "interface": 68, "sub-option": 124, "vendor": 92, "vendor-option": 153,
    "enterprise": 53, "substring": 58, "lower": 419, "upper": 418, "address-text": 330,
    "number-text": 250, "concat": 119, "hexstring": 1629, "split": 1076, "exists": 55, "is": 81,
    "equal": 85, "one-of": 87, "same": 88, "pop": 28, "option-exists": 26, "option-is": 62,
    "option-begins": 63, "relay-exists": 82, "relay-is": 122, "member": 27, "known": 16,
    "bootp": 56, "truth": 52, "not": 18, "jump": 18, "jump-if": 13, "jump-unless": 21,
    "needed": 46, "class": 27, "among": 157, "option-among": 147,
}  # fmt: skip


def weight_of(steps: Sequence[Step]) -> int:
    """Of the longest way through a program, but for RUN."""
    ways = [0] * (len(steps) + 1)
    for place in range(len(steps) - 1, -1, -1):
        step = steps[place]
        onward = ways[place + 1]
        if step.op in JUMPS:
            jumped = ways[place + 1 + step.a]
            onward = jumped if step.op == "jump" else max(onward, jumped)
        ways[place] = onward + WEIGHTS[step.op]
    return ways[0]
