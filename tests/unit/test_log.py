"""Log lines in their three forms."""

import json
import os
from datetime import UTC, datetime

import pytest

from fastdhcp.log import Level, Log, chosen_format, render

NOW = datetime(2026, 11, 25, 12, 0, 1, 234567, UTC)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, ""),
        ({"workers": 2}, " workers=2"),
        ({"beat_age": 1.23456}, " beat-age=1.235"),
        ({"text": "port 67 is taken"}, ' text="port 67 is taken"'),
        ({"text": 'a "name"\nand a line'}, ' text="a \\"name\\"\\nand a line"'),
        ({"text": ""}, ' text=""'),
        ({"equation": "a=b"}, ' equation="a=b"'),
        ({"pools": ["a", "b"]}, " pools=a,b"),
        ({"on": True, "off": False}, " on=yes off=no"),
        ({"leases": None, "count": 0}, " count=0"),
    ],
)
def test_facts_are_written_so_that_a_line_can_be_taken_apart(
    facts: dict[str, object], words: str
) -> None:
    line = render("text", Level.INFO, "store-recovered", facts, NOW)
    assert line == f"2026-11-25T12:00:01.234Z info store-recovered{words}"
    assert render("journal", Level.ERROR, "x", facts, NOW) == f"<3>x{words}"


def test_json() -> None:
    line = render("json", Level.WARNING, "pool-exhausted", {"pools": ["a b"], "n": 1}, NOW)
    assert json.loads(line) == {
        "time": "2026-11-25T12:00:01.234Z",
        "level": "warning",
        "event": "pool-exhausted",
        "pools": ["a b"],
        "n": 1,
    }


def test_the_format_follows_the_switch_then_the_journal() -> None:
    found = os.fstat(2)
    journal = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
    assert chosen_format({}) == "text"
    assert chosen_format({"JOURNAL_STREAM": "1:1"}) == "text"
    assert chosen_format(journal) == "journal"
    assert chosen_format({**journal, "FASTDHCP_LOG": "json"}) == "json"


def test_a_line_names_the_process_and_is_one_write() -> None:
    read, write = os.pipe()
    Log("text", write, "worker-1").error("lock-timeout", address="10.0.0.1")
    assert os.read(read, 1000).endswith(b" error lock-timeout address=10.0.0.1 process=worker-1\n")


def test_a_log_nobody_reads_stops_no_server() -> None:
    read, write = os.pipe()
    os.close(read)
    with pytest.raises(BrokenPipeError):
        os.write(write, b"it is broken\n")
    Log("text", write).info("ready")
