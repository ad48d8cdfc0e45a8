"""Slow commits are one alarm as long as they come again and again."""

from fastdhcp.supervisor.alarms import Alarms
from fastdhcp.supervisor.slow import QUIET_S, SlowStore
from tests.log_lines import Lines


def test_slow_commits_that_come_again_are_one_alarm_that_tells_the_slowest() -> None:
    lines = Lines()
    alarms = Alarms(lines.log)
    slow = SlowStore(alarms)
    slow.look(0.0, 99.0)
    assert "store-slow" not in alarms
    for now_s, busy_s in ((100.0, 1.0), (100.5, 0.0), (104.0, 4.5), (105.0, 0.0), (107.0, 2.5)):
        slow.look(busy_s, now_s)
    (alarm,) = alarms.listed()
    assert alarm["text"] == "a commit has taken 2.5 s so far; the slowest took 4.5 s"
    slow.look(0.0, 107.0 + QUIET_S - 1)
    text = alarms.listed()[0]["text"]
    assert text == "the last slow commit was 29 s ago; the slowest took 4.5 s"
    slow.look(0.0, 107.0 + QUIET_S)
    assert [line.split()[0] for line in lines.taken()] == ["<3>alarm-on", "<5>alarm-off"]
    assert alarms.listed() == []
