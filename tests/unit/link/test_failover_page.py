"""docs/failover-states.md says what the machine does."""

import re

from fastdhcp.link.hello import Refusal
from fastdhcp.link.line import State
from fastdhcp.link.orders import Denial
from tests.failover_page import PAGE, page
from tests.pair_rig import POSITIONS, happenings

TEXT = PAGE.read_text()


def test_the_page_is_as_it_would_be_made() -> None:
    assert page() == TEXT, "run `make docs`"


def test_it_says_first_that_there_is_no_pair_yet() -> None:
    assert TEXT.split("\n")[2].startswith("**The pair is not built yet.**")


def test_it_has_each_state_refusal_and_denial() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", TEXT, re.MULTILINE)
    assert rows[: len(State)] == [state.value for state in State]
    assert {word.value for kind in (Refusal, Denial) for word in kind} <= set(rows)


def test_each_event_is_in_each_position() -> None:
    for name, make in POSITIONS.items():
        _, _, rest = TEXT.partition(f"\n### {name[0].upper()}{name[1:]}\n")
        section = rest.partition("\n### ")[0]
        for words, _ in happenings(make().node):
            assert words in section, (name, words)
