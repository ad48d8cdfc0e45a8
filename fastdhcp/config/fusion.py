"""Instructions that stand side by side, made one: what most tests are needs no stack then.

`option, substring from 0, is` is `option-begins`, and so on. What a program says is the same; it is
shorter, and a worker is done with it sooner.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from fastdhcp.config.reads import Step
from fastdhcp.config.syntax import LENGTH_ALL

JUMPS = ("jump", "jump-if", "jump-unless", "one-of", "same")
"""Over as many of the next steps as `a` says."""
MAKING = (
    "number", "lower", "upper", "address-text", "number-text", "concat", "hexstring",
)  # fmt: skip
"""Of the 256 octets that one test may make."""
_AMONG_MAX = 3  # of more literals than these the option stays on the stack
_Maker = Callable[..., list[Step] | None]


def fused(steps: Sequence[Step]) -> tuple[Step, ...]:
    """A program that says the same, with less to do. No step is jumped to that is gone."""
    before: tuple[Step, ...] = ()
    now = tuple(steps)
    while now != before:
        before, now = now, _pass(now)
    return now


def marked(steps: Sequence[Step], mark: Step) -> list[Step]:
    """A test with the mark of its class behind it, which is jumped over where the test is false.
    What makes octets passes by the mark all the same: there they are given back."""
    makes = any(step.op in MAKING for step in steps)
    made = [
        replace(step, a=step.a + 1)
        if step.op == "jump-unless" and at + 1 + step.a == len(steps) and not makes
        else step
        for at, step in enumerate(steps)
    ]
    return [*made, mark]


def _pass(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Each place looked at once."""
    landings = {at + 1 + step.a for at, step in enumerate(steps) if step.op in JUMPS}
    made: list[Step] = []
    places = []  # of each step of old, and of the end
    jumps = []  # places in `made`, and where they go, in places of old
    at = 0
    while at < len(steps):
        window = _unbroken(steps, at, landings)
        size, new = _fuse(window)
        places += [len(made)] * size
        if new is None:
            if steps[at].op in JUMPS:
                jumps.append((len(made), at + 1 + steps[at].a))
            new = [steps[at]]
        made += new
        at += size
    places.append(len(made))
    for place, target in jumps:
        made[place] = replace(made[place], a=places[min(target, len(steps))] - place - 1)
    return tuple(made)


def _unbroken(steps: Sequence[Step], at: int, landings: set[int]) -> Sequence[Step]:
    """The steps from one on, up to the next that is jumped to from before."""
    end = at + 1
    while end < len(steps) and (end not in landings or _is_own(steps, at, end)):
        end += 1
    return steps[at:end]


def _is_own(steps: Sequence[Step], at: int, end: int) -> bool:
    """Whether all that jump to `end` are the values of one `in`, which begins at `at`."""
    return (
        steps[end].op == "pop"
        and all(step.op == "one-of" for step in steps[at + 1 : end])
        and not any(
            step.op in JUMPS and place + 1 + step.a == end
            for place, step in enumerate(steps[: at + 1])
        )
    )


def _fuse(window: Sequence[Step]) -> tuple[int, list[Step] | None]:
    """How many steps from the first on are made others, and these; (1, None): it stays."""
    pair = tuple(step.op for step in window[:2])
    if pair in _PAIRS and (new := _PAIRS[pair](*window[:2])) is not None:
        return 2, new
    if pair == ("option", "one-of"):
        items = [*takewhile(lambda step: step.op == "one-of", window[1:])]
        behind = window[1 + len(items) : 2 + len(items)]
        if len(items) <= _AMONG_MAX and [step.op for step in behind] == ["pop"]:
            new = _either(window[0], items)
            return (2 + len(items), new) if new is not None else (1, None)
    return 1, None


def _either(option: Step, items: Sequence[Step]) -> list[Step] | None:
    """`in`: one comparison after the other, each jumping over the rest."""
    made: list[Step] = []
    for item in items:
        found = _is(option, item)
        if found is None:
            return None
        made += [*found, Step("jump-if")]
    made.pop()
    return [
        replace(step, a=len(made) - at - 1) if step.op == "jump-if" else step
        for at, step in enumerate(made)
    ]


def _exists(option: Step, _: Step) -> list[Step] | None:
    return [Step("option-exists", option=option.option)]


def _is(option: Step, test: Step) -> list[Step] | None:
    """Of the first octets only: what is as long as these begins with them, and what is shorter is
    all of it."""
    assert test.literal is not None
    op = "option-begins" if len(test.literal) == option.c else "option-is"
    if len(test.literal) > option.c:
        return None
    return [Step(op, option=option.option, literal=test.literal)]


def _head(option: Step, part: Step) -> list[Step] | None:
    if part.b or part.c > LENGTH_ALL:
        return None
    return [replace(option, c=min(option.c, part.c))]


def _among(option: Step, group: Step) -> list[Step] | None:
    if option.c != LENGTH_ALL:
        return None
    return [Step("option-among", option=option.option, b=group.b, c=group.c)]


_PAIRS: Mapping[tuple[str, ...], _Maker] = {
    ("option", "exists"): _exists,
    ("option", "is"): _is,
    ("option", "substring"): _head,
    ("option", "among"): _among,
    ("relay", "exists"): lambda relay, _: [Step("relay-exists", a=relay.a)],
    ("relay", "is"): lambda relay, test: [Step("relay-is", a=relay.a, literal=test.literal)],
}
