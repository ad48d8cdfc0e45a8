"""The command line: what it prints, for people and as JSON, and its exit codes."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from fastdhcp import __version__
from fastdhcp._journal import ChangeKind
from fastdhcp._stats import counter_words, drop_names
from fastdhcp.cli import render
from fastdhcp.cli.ask import _risk
from fastdhcp.cli.client import Client, ConfigUnreadable, socket_of
from fastdhcp.cli.leases import _key
from fastdhcp.cli.main import SUBCOMMANDS, main
from fastdhcp.config.model import INFINITE
from tests.control_rig import POLICY, ControlRig, until

GOOD = '[[subnets]]\nsubnet = "10.77.0.0/22"\npools = ["10.77.1.1-10.77.1.250"]\n'
BAD = '[[subnets]]\nsubnet = "10.77.0.0/22"\npool = ["10.77.1.1-10.77.1.250"]\n'


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlRig]:
    made = ControlRig(tmp_path_factory.mktemp("control"))
    for number in range(5):
        made.bind(f"10.77.1.{number + 1}", number, hostname=b"pc-%d" % number)
    try:
        yield made
    finally:
        made.stop()


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """80 columns, in no place on earth."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ControlRig]:
    """A server for a test that counts."""
    made = ControlRig(tmp_path)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def ask(rig: ControlRig) -> Any:
    """A command to the running server; it must succeed."""

    def asked(*words: str) -> str:
        result = run(*words, "--socket", str(rig.socket_path))
        assert result.exit_code == 0, result.output
        return result.stdout

    return asked


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


# ---- questions to a server


def test_leases_as_json_are_one_object_a_line(ask: Any) -> None:
    listed = objects(ask("leases", "--json"))
    assert [lease["address"] for lease in listed] == [f"10.77.1.{n}" for n in range(1, 6)]
    assert list(listed[0]) == [
        "vrf", "address", "state", "hw-address", "client-id", "subnet", "hostname", "circuit-id",
        "remote-id", "starts", "expires", "version", "reservation", "class",
    ]  # fmt: skip
    assert objects(ask("leases", "export", "--json")) == listed
    assert objects(ask("leases", "export")) == listed
    assert objects(ask("leases", "--json", "--limit", "2")) == listed[:2]
    assert objects(ask("leases", "show", "10.77.1.3", "--json")) == listed[2:3]
    assert objects(ask("leases", "show", "02:ee:00:00:00:02", "--json")) == listed[2:3]
    assert ask("leases", "--json", "--state", "released") == ""


def test_leases_for_people(ask: Any, rig: ControlRig, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ask("leases").splitlines()
    heads = ["address", "state", "hw-address", "hostname", "expires", "(UTC)", "subnet"]
    assert lines[0].split() == heads
    assert lines[3].split()[:4] == ["10.77.1.3", "active", "02:ee:00:00:00:02", "pc-2"]
    monkeypatch.setenv("COLUMNS", "70")
    cut = run("leases", "--limit", "2", "--socket", str(rig.socket_path))
    assert cut.stdout.splitlines()[0].split() == heads[:-1]
    assert (len(cut.stdout.splitlines()), cut.stderr.splitlines()) == (
        3, ["not shown: subnet (--wide shows all columns)",
            "only the first 2 leases are shown: --limit N shows more, `leases export` all"],
    )  # fmt: skip
    assert ask("leases", "--wide").splitlines() == lines


def test_a_reserved_clients_row_fits_and_shows_reservation_and_hostname(own: ControlRig) -> None:
    own.bind("10.77.0.50", 1, client_id=b"\x01" * 20)
    own.bind("10.77.1.1", 2, hostname=b"a-name-that-is-longer-than-any-column-has-room-for")
    done = run("leases", "--socket", str(own.socket_path))
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "not shown: client-id, subnet" in done.stderr
    heads, reserved, long = (line.split() for line in lines)
    assert heads == ["address", "state", "hw-address", "hostname", "expires", "(UTC)", "reserved"]
    assert reserved[:4] == ["10.77.0.50", "active", "02:ee:00:00:00:01", "printer-7"]
    assert reserved[-1] == "hw-address"
    assert long[3].endswith("…")


def test_an_address_that_another_holds_is_told_to_be_so(own: ControlRig) -> None:
    own.bind("10.77.0.50", 4)
    row = run("leases", "--socket", str(own.socket_path)).stdout.splitlines()[1]
    assert row.endswith("hw-address (another's)")


@pytest.mark.parametrize(
    ("lease", "told"),
    [
        ({"reservation": None}, None),
        ({"reservation": "port=dslam-7/1/1/4", "state": "active"}, "port"),
        ({"reservation": "circuit-id=a=b", "state": "active", "circuit-id": "a=b"}, "circuit-id"),
        ({"reservation": "client-id=a", "state": "active", "client-id": "b"},
         "client-id (another's)"),
        ({"reservation": "client-id=a", "state": "expired", "client-id": "b"}, "client-id"),
    ],
)  # fmt: skip
def test_by_what_an_address_is_reserved(lease: dict[str, Any], told: str | None) -> None:
    assert _key(lease) == told


def test_what_is_read_by_programs_is_cut_nowhere(
    own: ControlRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS")
    name = b"a-name-that-is-longer-than-any-column-of-a-terminal-has-room-for"
    own.bind("10.77.1.1", 1, hostname=name, client_id=b"\x01" * 20)
    done = run("leases", "--socket", str(own.socket_path))
    assert (name.decode() in done.stdout, "client-id" in done.stdout) == (True, True)
    assert done.stderr == ""


def test_a_subnet_that_there_is_not_is_said(rig: ControlRig) -> None:
    result = run("leases", "--subnet", "10.9.0.0/24", "--socket", str(rig.socket_path))
    assert result.exit_code == 1
    assert "there is no subnet 10.9.0.0/24 in the policy in force" in result.stderr


def test_the_vrf_that_has_an_address_is_named(own: ControlRig) -> None:
    red = '[[subnets]]\nsubnet = "10.88.0.0/24"\nvrf = "red"\npools = ["10.88.0.10-10.88.0.20"]\n'
    own.set_policy(POLICY + red, 2)
    until(lambda: own.client.get("/v1/status"), lambda found: found["generation"] == 2)
    cure = "10.88.0.10 is not in the default VRF; VRF red has it: add --vrf red"
    for words in (("release",), ("show",)):
        result = run("leases", *words, "10.88.0.10", "--socket", str(own.socket_path))
        assert (result.exit_code, cure in result.stderr) == (1, True)
    assert run("leases", "show", "10.88.0.10", "--vrf", "red", "--socket",
               str(own.socket_path)).exit_code == 0  # fmt: skip


def test_status_says_what_drew_no_reply(own: ControlRig) -> None:
    at, drops = counter_words()["COUNT_DROPPED"], drop_names()
    own.worker.add(at + drops.index("no-subnet"), 3)
    own.worker.add(at + drops.index("other-server"), 1214)
    text = run("status", "--socket", str(own.socket_path)).stdout
    assert "without a reply since the start: other-server 1,214, no-subnet 3\n" in text
    assert "0 active leases, " in text


def test_status_and_leases_count_alike(own: ControlRig) -> None:
    own.bind("10.77.1.1", 1)
    own.bind("10.77.1.2", 2)
    own.apply(ChangeKind.CHANGE_PEND, "10.77.1.2", 2)
    own.bind("10.77.1.3", 3, seconds=-5)
    own.bind("10.77.0.50", 4)  # reserved: in no pool
    own.apply(ChangeKind.CHANGE_OFFER, "10.77.1.5", 5, offer_until=own.worker.now() - 1)
    states = [lease["state"] for lease in own.client.get("/v1/leases")["leases"]]
    found = until(lambda: own.client.get("/v1/status"), lambda status: status["leases"] > 0)
    assert found["leases"] == states.count("active") == 3
    pool = own.client.get("/v1/pools")["pools"][0]
    kinds = ("free", "offered", "active", "pending", "grace", "declined")
    assert [pool[kind] for kind in kinds] == [247, 0, 1, 1, 1, 0]


def test_the_socket_may_stand_before_the_subcommand(rig: ControlRig) -> None:
    result = run("leases", "--socket", str(rig.socket_path), "show", "10.77.1.3", "--json")
    assert objects(result.stdout)[0]["address"] == "10.77.1.3"


def test_a_lease_in_full(ask: Any) -> None:
    shown = dict(line.split(maxsplit=1) for line in ask("leases", "show", "10.77.1.3").splitlines())
    assert shown["state"] == "active"
    assert shown["hostname"] == "pc-2"
    assert shown["remote-id"] == "-"


def test_release(ask: Any, rig: ControlRig) -> None:
    rig.bind("10.77.1.90", 90)
    assert "cannot be renewed" in ask("leases", "release", "10.77.1.90")
    assert "active, pending" in ask("leases", "show", "10.77.1.90")
    answer = objects(ask("leases", "release", "10.77.1.90", "--now", "--json"))
    assert answer == [{"address": "10.77.1.90", "result": "ended"}]
    assert "was not leased" in ask("leases", "release", "10.77.1.91")


def test_a_lease_without_end(ask: Any, rig: ControlRig) -> None:
    rig.bind("10.77.1.92", 92, INFINITE - rig.worker.now())
    (line,) = [line for line in ask("leases").splitlines() if line.startswith("10.77.1.92 ")]
    assert "never" in line.split()
    assert "has no end: use --now" in ask("leases", "release", "10.77.1.92")
    ask("leases", "release", "10.77.1.92", "--now")


def test_what_is_not_a_prefix_is_no_subnet(rig: ControlRig) -> None:
    result = run("leases", "--subnet", "lan-a", "--socket", str(rig.socket_path))
    assert result.exit_code == 2
    assert "subnet: " in result.stderr
    assert "is not a prefix" in result.stderr


def test_pools(ask: Any) -> None:
    as_json = objects(ask("pools", "--json"))
    assert [pool["pool"] for pool in as_json] == [
        "10.77.1.1-10.77.1.250", "10.77.2.0/24", "10.78.0.10-10.78.0.19",
    ]  # fmt: skip
    lines = ask("pools").splitlines()
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in ask("pools", "--wide").splitlines()]
    assert rows[0][-1] == "used"
    assert rows[3] == ["10.78.0.0/24", "10.78.0.10-10.78.0.19", "10", "10", *"00000", "0%"]


def test_status(ask: Any, rig: ControlRig) -> None:
    rig.channel.send(
        {
            "type": "status", "pid": 70, "started": 1.0, "receive_buffer": 1 << 20,
            "processes": [{"role": "store", "index": 0, "pid": 71, "state": "serving",
                           "restarts": 0, "since": 1.0, "beat_age": None},
                          {"role": "worker", "index": 1, "pid": 72, "state": "serving",
                           "restarts": 3, "since": 1.0, "beat_age": None}],
            "alarms": [{"name": "process-restarting", "subject": "worker-1", "since": 2.0,
                        "text": "it died 3 times", "meaning": "it dies again and again",
                        "cure": "read the log"}],
            "warnings": ["a receive buffer is 208 KB"],
            "interfaces": [{"index": 3, "name": "srv0", "up": True, "carrier": False,
                            "addresses": ["10.77.0.1/22"]}],
        }
    )  # fmt: skip
    while json.loads(ask("status", "--json"))["pid"] is None:
        continue
    text = ask("status")
    assert f"fastdhcp {__version__}, pid 70" in text
    assert "ALARM process-restarting (worker-1) since" in text
    assert ": it died 3 times\n  means: it dies again and again\n  cure: read the log\n" in text
    assert "\nsrv0       no carrier  10.77.0.1/22" in text
    assert "\nworker-1  72 " in text  # as the log and the alarm name it
    assert "warning: a receive buffer is 208 KB" in text
    assert "store ok, durability commit; " in text


def test_status_says_what_a_power_cut_takes_where_acks_do_not_wait() -> None:
    assert _risk({"durability": "commit"}) == ""
    assert "a power cut takes back the leases of" in _risk({"durability": "async"})


def test_trace_of_a_server_that_decided_nothing(ask: Any) -> None:
    assert ask("trace", "--json") == ""
    assert ask("trace").split()[:3] == ["time", "(UTC)", "worker"]


@pytest.mark.parametrize(("taken", "code"), [(True, 0), (False, 1)])
def test_reload_fails_if_the_old_configuration_stays(
    rig: ControlRig, taken: bool, code: int
) -> None:
    results: list[Result] = []
    asking = threading.Thread(
        target=lambda: results.append(run("reload", "--socket", str(rig.socket_path)))
    )
    asking.start()
    number = rig.expect("reload")["number"]
    told = {"type": "reloaded", "number": number, "taken": taken, "generation": 2}
    rig.channel.send({**told, "text": "in words"})
    asking.join(10)
    assert (results[0].exit_code, results[0].output) == (code, "in words\n")


# ---- what fails, and how it ends


def test_no_server_is_said_in_words(tmp_path: Path) -> None:
    result = run("status", "--socket", str(tmp_path / "none.sock"))
    assert result.exit_code == 1
    assert f"no server answers at {tmp_path / 'none.sock'}: is it running?" in result.stderr


def test_a_servers_refusal_is_said_in_its_words(rig: ControlRig) -> None:
    result = run("leases", "show", "10.99.0.1", "--socket", str(rig.socket_path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "10.99.0.1 is not in any subnet of the default VRF" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("leases", "show"), ("leases", "show", "foo"), ("leases", "release", "foo"), ("nonsense",),
        ("leases", "--limit", "0"), ("serve",), ("check",),
    ],
)  # fmt: skip
def test_wrong_usage(words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


def test_check_of_a_good_configuration(tmp_path: Path) -> None:
    path = tmp_path / "good.toml"
    path.write_text(GOOD)
    result = run("check", str(path))
    assert (result.exit_code, result.stdout) == (0, f"{path}: good\n")


def test_check_takes_its_file_as_the_other_commands_do(tmp_path: Path) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text(GOOD)
    assert run("check", "-c", str(path)).stdout == f"{path}: good\n"
    assert run("check").exit_code == 2
    assert run("check", str(path), "-c", str(path)).exit_code == 2


def test_check_says_what_classes_cost(tmp_path: Path) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text(
        '[[subnets]]\nsubnet = "10.0.0.0/24"\npools = ["10.0.0.0/25"]\n[[classes]]\nname = "a"\n'
        "test = \"option[60].hex == 'a'\"\noptions = { tz-name = 'x' }\n"
    )
    result = run("check", str(path))
    assert result.exit_code == 0
    _, instructions, kinds, size = result.stdout.splitlines()
    assert instructions.startswith("the tests of classes take at most about ")
    assert kinds.startswith("1 subnet and 1 pool, by 1 class with options, make up to 4 kinds of ")
    assert size.startswith("the policy takes ")


def test_check_of_a_bad_configuration(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(BAD)
    result = run("check", str(path))
    assert result.exit_code == 78
    assert result.stdout.startswith(f"{path}:3: subnets[0].pool: ")
    (problem,) = objects(run("check", str(path), "--json").stdout)
    assert (problem["level"], problem["line"], problem["key"]) == ("error", 3, "subnets[0].pool")


def test_check_names_what_is_not_served_yet(tmp_path: Path) -> None:
    path = tmp_path / "later.toml"
    path.write_text(GOOD + '[ddns]\nzone = "campus.example"\n')
    result = run("check", str(path))
    assert result.exit_code == 0
    assert "warning: ddns: not served yet" in result.stdout


def test_serve_of_a_bad_configuration_ends_with_78(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(BAD)
    done = _fastdhcp("serve", "-c", str(path))
    assert done.returncode == 78
    assert f"{path}:3: subnets[0].pool" in done.stderr


# ---- where the server is


@pytest.mark.parametrize(
    ("name", "text", "socket"),
    [
        ("a.toml", GOOD, "/run/fastdhcp/control.sock"),
        ("a.toml", '[server]\nruntime-directory = "run"\n', "{folder}/run/control.sock"),
        ("a.toml", '[server]\nruntime-directory = "/run/x"\n', "/run/x/control.sock"),
        ("a.json", '{"server": {"runtime-directory": "run"}}', "{folder}/run/control.sock"),
    ],
)
def test_the_socket_of_a_configuration(tmp_path: Path, name: str, text: str, socket: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert str(socket_of(path)) == socket.format(folder=tmp_path)


@pytest.mark.parametrize("text", ["server = 3", "[server]\nruntime-directory = 5"])
def test_a_configuration_that_cannot_be_read_ends_with_78(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(ConfigUnreadable):
        socket_of(path)
    assert run("status", "-c", str(path)).exit_code == 78


def test_a_file_that_is_no_toml_any_more_still_tells_where_the_server_is(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('[server]\n  runtime-directory = "run"  # here\n[[subnets]\n')
    result = run("status", "-c", str(path))
    assert result.exit_code == 1
    assert f"{path}: is not TOML: " in result.stderr
    assert "(at line 3, column" in result.stderr
    assert f"no server answers at {tmp_path / 'run/control.sock'}" in result.stderr
    path.write_text("[server")
    assert str(socket_of(path)) == "/run/fastdhcp/control.sock"


# ---- the command itself


def test_what_was_not_compiled_is_said_with_its_cure() -> None:
    program = (
        "import sys; sys.modules['fastdhcp._program'] = None\n"
        "from fastdhcp.cli.main import main; main(['check', 'a.toml'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert "the compiled part is missing or older than the source: run `make build` (" in (
        done.stderr
    )
    assert "Traceback" not in done.stderr


def _fastdhcp(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "fastdhcp", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30)


def test_version() -> None:
    assert run("version").stdout == run("--version").stdout == f"fastdhcp {__version__}\n"


def test_help_lists_every_command_and_imports_none() -> None:
    code = (
        "import sys\nfrom fastdhcp.cli.main import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "heavy = {'rich', 'uvicorn', 'starlette', 'lmdb', 'msgspec', 'fastdhcp.supervisor'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *shown, heavy = done.stdout.splitlines()
    assert heavy == "[]"
    assert all(any(line.split()[:1] == [name] for line in shown) for name in SUBCOMMANDS)


def test_serve_imports_nothing_that_only_others_need() -> None:
    code = (
        "import sys\nimport fastdhcp.supervisor.serve, fastdhcp.cli.server\n"
        "print(sorted({'rich', 'uvicorn', 'starlette', 'lmdb'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"Usage: main {name}" in result.output


# ---- text for people


WIDE = ("name", "count", "text", "empty"), [("a", 1234, "long words", None), ("b", 5, "x", None)]


@pytest.mark.parametrize(
    ("width", "text", "left_out"),
    [
        (None, "name  count  text\na     1,234  long words\nb         5  x", []),
        (23, "name  count  text\na     1,234  long words\nb         5  x", []),
        (22, "name  text\na     long words\nb     x", ["count"]),
        (14, "name  text\na     long wo…\nb     x", ["count"]),
        (5, "name  text\na     long …\nb     x", ["count"]),
    ],
)
def test_a_table_fits_and_says_what_it_left_out(
    width: int | None, text: str, left_out: list[str]
) -> None:
    heads, rows = WIDE
    assert render.fitted(heads, rows, ("count",), ("text",), width) == (text, left_out)


def test_an_instant_names_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "EST5EDT")
    time.tzset()
    assert render.instant(1_795_611_845) == "2026-11-25 08:04:05 EST"
    assert render.instant(1_785_611_845) == "2026-08-01 15:17:25 EDT"
    assert render.instant(None) == "-"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.6, "1m 0s"), (61, "1m 1s"), (7200, "2h 0m"), (90061, "1d 1h"), (-3, "0s")],
)
def test_durations(seconds: float, text: str) -> None:
    assert render.duration(seconds) == text


def test_tables_align_numbers_to_the_right() -> None:
    assert render.table(("name", "count"), [("a", 1234), ("longer", 5), ("b", None)]) == (
        "name    count\na       1,234\nlonger      5\nb           -"
    )


def test_a_server_that_does_not_answer_is_said_to_do_so(tmp_path: Path) -> None:
    """It holds the socket, and its control process does not come up."""
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(str(path))
        silent.listen(1)
        with pytest.raises(click.ClickException, match="does not answer: its log says why"):
            Client(path).post("/v1/reload", {}, timeout_s=0.2)
