"""Who holds a port, in words that a terminal may be given."""

import subprocess

from fastdhcp.ports import command_of


def test_a_command_line_is_escaped() -> None:
    words = ["/bin/sh", "-c", "echo; read line", "\x1b[31m\n"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the kernel has its words by then
        found = command_of(process.pid)
    assert found == "sh -c echo; read line \\x1b[31m\\n"
