"""Alarms: each is a row of the table, comes and goes with one line, and shows its cure."""

import re
from pathlib import Path

import pytest

from fastdhcp.channel import Channel
from fastdhcp.store.alarm import FAILING, FILES, StoreAlarm
from fastdhcp.supervisor.alarms import KINDS, Alarms
from tests.log_lines import Lines

ROOT = Path(__file__).resolve().parents[3]


def test_an_alarm_is_one_line_when_it_comes_and_one_when_it_goes() -> None:
    lines = Lines()
    alarms = Alarms(lines.log)
    assert alarms.raise_alarm("store-slow", "1 s")
    assert not alarms.raise_alarm("store-slow", "2 s")
    assert [line.split()[:2] for line in lines.taken()] == [["<3>alarm-on", "name=store-slow"]]
    (listed,) = alarms.listed()
    assert (listed["name"], listed["text"]) == ("store-slow", "2 s")
    assert str(listed["cure"]).startswith("look at the disk of the state directory: ")
    assert str(listed["meaning"]).startswith("a commit has taken seconds. ")
    assert alarms.clear("store-slow")
    assert not alarms.clear("store-slow")
    assert [line.split()[:2] for line in lines.taken()] == [["<5>alarm-off", "name=store-slow"]]
    assert alarms.listed() == []


def test_a_cure_names_the_state_directory_and_may_be_of_the_case() -> None:
    alarms = Alarms(Lines().log, "/var/lib/fastdhcp")
    alarms.raise_alarm("store-failing", "no space left")
    alarms.raise_alarm("configuration-refused", "refused", cure="restart the server")
    cures = [alarm["cure"] for alarm in alarms.listed()]
    assert str(cures[0]).startswith("make room on the disk of /var/lib/fastdhcp, 1 MB at least")
    assert cures[1] == "restart the server"


def test_one_kind_is_on_for_each_subject_by_itself() -> None:
    lines = Lines()
    alarms = Alarms(lines.log)
    for subject in ("worker-0", "worker-1"):
        assert alarms.raise_alarm("process-restarting", "it died", subject)
    told = [line.split()[1:3] for line in lines.taken()]
    assert told == [["name=process-restarting", f"subject=worker-{n}"] for n in (0, 1)]
    assert alarms.clear("process-restarting", "worker-0")
    assert "name=process-restarting subject=worker-0" in lines.taken()[0]
    assert [alarm["subject"] for alarm in alarms.listed()] == ["worker-1"]
    assert "process-restarting" in alarms


def test_a_name_that_is_not_in_the_table_is_refused() -> None:
    alarms = Alarms(Lines().log)
    with pytest.raises(KeyError):
        alarms.raise_alarm("worker-0-restarting", "it died")
    with pytest.raises(KeyError):
        alarms.clear("worker-0-restarting")
    assert alarms.listed() == []


def test_the_manual_has_the_table_word_for_word() -> None:
    manual = (ROOT / "docs" / "OPERATION.md").read_text()
    section = manual.partition("\n## Alarms\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(.+)` \| (.+) \| (.+) \|$", section, re.MULTILINE)
    assert rows == [(kind.name, kind.meaning, kind.cure) for kind in KINDS]


def test_every_alarm_that_is_raised_is_in_the_table_and_every_row_is_raised() -> None:
    """The store raises its own over the channel."""
    source = "".join(path.read_text() for path in sorted((ROOT / "fastdhcp").rglob("*.py")))
    raised = set(re.findall(r'\braise_alarm\(\s*"([a-z-]+)"', source))
    ours, theirs = Channel.pair()
    for name in (FAILING, FILES):
        StoreAlarm(ours, name).set("no space left")
        received = theirs.receive()
        assert received is not None
        raised.add(str(received[0]["name"]))
    assert raised == {kind.name for kind in KINDS}
