"""Counters that become alarms."""

from fastdhcp._stats import counter_words, drop_names
from fastdhcp.kernel import kernel_drops
from fastdhcp.supervisor.alarms import Alarms
from fastdhcp.supervisor.vitals import QUIET_S, Vitals
from fastdhcp.words import counters_in_words
from tests.log_lines import Lines


def test_kernel_drops_are_an_alarm_until_it_has_been_quiet() -> None:
    lines = Lines()
    alarms = Alarms(lines.log)
    vitals = Vitals(alarms)
    drops = kernel_drops()
    vitals.look_at_kernel(drops, 100.0)
    assert "kernel-drops" not in alarms
    vitals.look_at_kernel(drops + 7, 101.0)
    text = str(alarms.listed()[0]["text"])
    assert text.startswith("7 UDP datagrams of this network namespace, of any program, found a")
    vitals.look_at_kernel(drops + 7, 101.0 + QUIET_S - 1)
    assert "kernel-drops" in alarms
    vitals.look_at_kernel(drops + 8, 101.0 + QUIET_S)
    vitals.look_at_kernel(drops + 8, 102.0 + QUIET_S)
    assert "kernel-drops" in alarms
    vitals.look_at_kernel(drops + 8, 101.0 + 2 * QUIET_S)
    assert "kernel-drops" not in alarms


def test_packets_that_were_dropped_late_are_an_alarm_until_it_has_been_quiet() -> None:
    at = counter_words()
    words = [0] * at["COUNT_WORDS"]
    alarms = Alarms(Lines().log)
    vitals = Vitals(alarms)
    vitals.look(words, 100.0)
    assert "overload" not in alarms
    for number, name in enumerate(("overload", "waited-too-long"), 1):
        words[at["COUNT_DROPPED"] + drop_names().index(name)] += 2
        vitals.look(words, 100.0 + number)
        (alarm,) = alarms.listed()
        assert alarm["text"] == "2 packets dropped within a second, as the server is behind"
    vitals.look(words, 102.0 + QUIET_S)
    assert "overload" not in alarms


def test_counters_have_their_names_and_zeros_are_left_out() -> None:
    at = counter_words()
    words = [0] * at["COUNT_WORDS"]
    words[at["COUNT_RECEIVED"] + 1] = 5
    words[at["COUNT_SENT"] + 2] = 4
    words[at["COUNT_DONE"] + 7] = 3
    words[at["COUNT_WAITING"]] = 6
    words[at["COUNT_DROPPED"] + drop_names().index("bad-hlen")] = 1
    words[at["COUNT_COMMITS"]] = 2
    assert counters_in_words(words) == {
        "received-discover": 5,
        "sent-offer": 4,
        "done-release": 3,
        "waiting": 6,
        "dropped-bad-hlen": 1,
        "commits": 2,
    }
