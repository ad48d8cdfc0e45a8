"""Lines about troubles are limited: a storm of them is a few lines and a number."""

from fastdhcp.supervisor.troubles import LINES_MAX, WINDOW_S, Limited
from tests.log_lines import Lines


def test_what_is_more_than_a_window_takes_is_said_as_a_number_in_the_next() -> None:
    lines = Lines()
    limited = Limited(lines.log, "no-subnet")
    limited.turn(1000.0)
    for n in range(LINES_MAX + 5):
        limited.say(giaddr=f"10.0.0.{n}")
    limited.turn(1000.0 + WINDOW_S - 1)
    told = lines.taken()
    assert told == [f"<4>no-subnet giaddr=10.0.0.{n}" for n in range(LINES_MAX)]
    limited.turn(1000.0 + WINDOW_S)
    limited.say(giaddr="10.0.1.1")
    more = 'text="5 more of the last minute are not shown: see `fastdhcp trace`"'
    assert lines.taken() == [f"<4>no-subnet suppressed=5 {more}", "<4>no-subnet giaddr=10.0.1.1"]
    limited.turn(1000.0 + 2 * WINDOW_S)
    assert lines.taken() == []
