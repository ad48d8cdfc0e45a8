"""The API as others use it: a running control process, asked over both of its sockets."""

import http.client
import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import msgspec
import pytest

from fastdhcp import _journal
from fastdhcp._journal import ChangeKind
from fastdhcp._leases import Role
from fastdhcp._memory import Memory
from fastdhcp._stats import counter_words
from fastdhcp.control.commands import COMMANDS
from fastdhcp.words import address_number
from tests.control_rig import WORKERS, ControlRig, until
from tests.lab.patience import PATIENCE_S, Stopwatch

MANY = 300
"""Leases of the second pool, from 10.77.2.0 on, and of 10.77.1.1 and on."""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlRig]:
    """Read only, but for addresses that a test has to itself."""
    made = ControlRig(tmp_path_factory.mktemp("control"))
    first = address_number("10.77.1.201")
    for number in range(MANY):
        address = first + number if number < 50 else address_number("10.77.2.0") + number - 50
        text = ".".join(str(octet) for octet in address.to_bytes(4))
        made.bind(text, 1000 + number, hostname=f"host-{number}".encode())
    try:
        yield made
    finally:
        code = made.stop()
    assert code == 0


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ControlRig]:
    """One for a test that changes more than leases."""
    made = ControlRig(tmp_path)
    try:
        yield made
    finally:
        made.stop()


# ---- status and pools


def test_status_says_what_the_supervisor_said(rig: ControlRig) -> None:
    process = {
        "role": "worker", "index": 1, "pid": 77, "state": "serving", "restarts": 2,
        "since": 1.5, "beat_age": 0.2,
    }  # fmt: skip
    alarm = {
        "name": "store-slow", "subject": None, "text": "a commit takes 3 s",
        "meaning": "commits are slow", "cure": "look at the disk", "since": 2.0,
    }  # fmt: skip
    interface = {
        "index": 3, "name": "srv0", "up": True, "carrier": False, "addresses": ["10.77.0.1/22"],
    }  # fmt: skip
    rig.channel.send(
        {
            "type": "status", "pid": 70, "started": 1.0, "processes": [process],
            "alarms": [alarm], "warnings": ["small"], "interfaces": [interface],
            "receive_buffer": 1 << 20,
        }
    )  # fmt: skip
    found = until(lambda: rig.client.get("/v1/status"), lambda status: status["pid"] == 70)
    assert found["processes"][0] == {
        "role": "worker", "index": 1, "pid": 77, "state": "serving", "restarts": 2,
        "since": 1.5, "beat-age": 0.2,
    }  # fmt: skip
    assert (found["alarms"], found["interfaces"]) == ([alarm], [interface])
    assert (found["store"], found["durability"], found["generation"]) == ("ok", "commit", 1)
    assert (found["subnets"], found["addresses"]) == (2, 250 + 256 + 10)


def test_pools_are_told_as_the_configuration_writes_them(rig: ControlRig) -> None:
    found = rig.client.get("/v1/pools")["pools"]
    assert [(p["vrf"], p["subnet"], p["pool"], p["size"]) for p in found] == [
        (0, "10.77.0.0/22", "10.77.1.1-10.77.1.250", 250),
        (0, "10.77.0.0/22", "10.77.2.0/24", 256),
        (0, "10.78.0.0/24", "10.78.0.10-10.78.0.19", 10),
    ]


def test_pools_count_addresses_by_state(own: ControlRig) -> None:
    now = own.worker.now()
    own.bind("10.78.0.10", 1)
    own.bind("10.78.0.11", 2)
    own.apply(ChangeKind.CHANGE_PEND, "10.78.0.11", 2)
    own.bind("10.78.0.12", 3, seconds=-5)
    own.apply(ChangeKind.CHANGE_OFFER, "10.78.0.13", 4, offer_until=now + 60)
    own.bind("10.78.0.14", 5)
    own.apply(ChangeKind.CHANGE_DECLINE, "10.78.0.14", 5, expiry=now + 600)
    found = until(lambda: own.client.get("/v1/pools")["pools"][2], lambda pool: pool["free"] < 10)
    states = ("free", "offered", "active", "pending", "grace", "declined")
    assert [found[state] for state in states] == [5, 1, 1, 1, 1, 1]


# ---- leases


def test_a_lease_has_the_fields_of_the_contract(rig: ControlRig) -> None:
    before = time.time()
    relay_info = bytes([1, 4]) + b"ge-1"
    rig.bind("10.77.1.1", 1, 600, client_id=b"\x00\x01", relay_info=relay_info, hostname=b"pc")
    found = rig.lease("10.77.1.1")
    starts, expires = found.pop("starts"), found.pop("expires")
    assert found == {
        "vrf": 0, "address": "10.77.1.1", "state": "active", "hw-address": "02:ee:00:00:00:01",
        "client-id": "hex:0001", "subnet": "10.77.0.0/22", "hostname": "pc",
        "circuit-id": "ge-1", "remote-id": None, "version": 1, "reservation": None,
        "class": None,
    }  # fmt: skip
    assert starts == pytest.approx(before, abs=2)
    assert expires == starts + 600


@pytest.mark.parametrize(
    ("address", "state"), [("10.77.1.250", "free"), ("10.77.0.50", "reserved")]
)
def test_an_address_without_a_record(rig: ControlRig, address: str, state: str) -> None:
    if address == "10.77.1.250":  # among those that the fixture binds
        address = "10.78.0.19"
    found = rig.lease(address)
    assert (found["state"], found["version"], found["hw-address"]) == (state, 0, None)
    if state == "reserved":
        assert found["reservation"] == "hw-address=02:ee:00:00:00:01"
        assert found["hostname"] == "printer-7"


@pytest.mark.parametrize("which", ["02:ee:00:00:03:e8", "02-EE-00-00-03-E8"])
def test_leases_of_a_hardware_address(rig: ControlRig, which: str) -> None:
    assert rig.lease(which)["address"] == "10.77.1.201"


def test_all_leases_of_a_hardware_address(own: ControlRig) -> None:
    own.bind("10.77.1.9", 9)
    own.bind("10.78.0.10", 9, subnet_id=2)
    found = own.client.get("/v1/leases/02:ee:00:00:00:09")["leases"]
    assert [lease["address"] for lease in found] == ["10.77.1.9", "10.78.0.10"]


def test_pages_hold_every_lease_once_in_order(rig: ControlRig) -> None:
    seen: list[str] = []
    after: str | None = None
    while True:
        page = rig.client.get("/v1/leases", after=after, limit=7, subnet="10.77.0.0/22")
        assert len(page["leases"]) == 7 or page["next"] is None
        seen += [lease["address"] for lease in page["leases"]]
        after = page["next"]
        if after is None:
            break
    numbers = [address_number(address) for address in seen]
    assert numbers == sorted(set(numbers))
    wanted = {address_number("10.77.1.201") + n for n in range(50)}
    wanted |= {address_number("10.77.2.0") + n for n in range(MANY - 50)}
    assert wanted <= set(numbers)


def test_a_page_that_ends_with_the_table_says_so(own: ControlRig) -> None:
    for number in range(3):
        own.bind(f"10.77.1.{number + 1}", number)
    assert own.client.get("/v1/leases", limit=3)["next"] is None
    page = own.client.get("/v1/leases", limit=2)
    assert page["next"] == "0/10.77.1.2"
    rest = own.client.get("/v1/leases", limit=2, after=page["next"])
    assert [lease["address"] for lease in rest["leases"]] == ["10.77.1.3"]


def test_pages_of_a_state(own: ControlRig) -> None:
    own.bind("10.77.1.1", 1)
    own.bind("10.77.1.2", 2, seconds=-1)
    own.bind("10.77.1.3", 3)
    found = own.client.get("/v1/leases", state="expired")["leases"]
    assert [lease["address"] for lease in found] == ["10.77.1.2"]


def test_an_export_is_all_pages(rig: ControlRig) -> None:
    exported = [json.loads(line) for line in rig.client.lines("/v1/leases/export")]
    assert exported == rig.client.get("/v1/leases", limit=10_000)["leases"]
    assert len(exported) >= MANY


def test_a_block_that_is_new_is_seen_at_once(own: ControlRig) -> None:
    assert own.client.get("/v1/leases")["leases"] == []
    own.bind("10.77.1.1", 1)
    assert len(own.client.get("/v1/leases")["leases"]) == 1
    own.bind("10.78.0.10", 2, subnet_id=2)
    assert len(own.client.get("/v1/leases")["leases"]) == 2


VRFS = """
[[subnets]]
subnet = "10.77.0.0/24"
pools = ["10.77.0.8-10.77.0.9"]
[[subnets]]
subnet = "10.77.0.0/25"
vrf = "customer-7"
pools = ["10.77.0.8-10.77.0.9"]
"""


def test_one_address_in_two_vrfs_is_two_leases(own: ControlRig) -> None:
    own.set_policy(VRFS, 2)
    vrf = until(lambda: own.client.get("/v1/pools")["pools"], lambda pools: len(pools) == 2)[1][
        "vrf"
    ]
    own.bind("10.77.0.8", 1)
    own.bind("10.77.0.8", 2, vrf=vrf, subnet_id=2)
    listed = own.client.get("/v1/leases")["leases"]
    assert [(lease["vrf"], lease["subnet"]) for lease in listed] == [
        (0, "10.77.0.0/24"),
        (vrf, "10.77.0.0/25"),
    ]
    assert own.client.get("/v1/leases", vrf=vrf)["leases"] == listed[1:]
    assert own.client.get("/v1/leases", limit=1, after="0/10.77.0.8")["leases"] == listed[1:]
    assert own.client.get("/v1/leases/10.77.0.8", vrf=vrf)["leases"] == listed[1:]
    answer = own.client.post("/v1/leases/10.77.0.8/release", {"vrf": vrf, "now": True})
    assert answer["result"] == "ended"
    states = [lease["state"] for lease in own.client.get("/v1/leases")["leases"]]
    assert states == ["active", "released"]


# ---- release


@pytest.mark.parametrize(
    ("now", "result", "state", "pending"),
    [(False, "pending", "active", True), (True, "ended", "released", None)],
)
def test_release(rig: ControlRig, now: bool, result: str, state: str, pending: bool) -> None:
    address = "10.77.1.20" if now else "10.77.1.21"
    rig.bind(address, 20)
    answer = rig.client.post(f"/v1/leases/{address}/release", {"now": now})
    assert answer == {"address": address, "result": result}
    found = rig.lease(address)
    assert (found["state"], found.get("pending")) == (state, pending)


def test_release_of_what_is_bound_to_nobody(rig: ControlRig) -> None:
    answer = rig.client.post("/v1/leases/10.78.0.18/release", {})
    assert answer["result"] == "free"


def test_over_tcp_nothing_is_changed(rig: ControlRig) -> None:
    rig.bind("10.77.1.22", 22)
    for path in ("/v1/leases/10.77.1.22/release", "/v1/reload"):
        status, answer = rig.http(path, "POST", b'{"now": true}')
        assert (status, answer["error"]) == (403, "forbidden")
    assert rig.lease("10.77.1.22")["state"] == "active"


def test_a_store_that_is_silent_is_named(own: ControlRig) -> None:
    own.bind("10.77.1.1", 1)
    own.store.stop()
    watch = Stopwatch(own.process.pid)
    with pytest.raises(click.ClickException, match="the store did not answer within 5 s"):
        own.client.post("/v1/leases/10.77.1.1/release", {})
    assert watch.seconds() < 8


# ---- what is refused


@pytest.mark.parametrize(
    ("path", "status", "error", "text"),
    [
        ("/v1/leases/10.99.0.1", 404, "not-found", "not in any subnet"),
        ("/v1/leases/10.77.1.1?vrf=9", 404, "not-found", "default VRF has it: add --vrf default"),
        ("/v1/leases/02:ff:00:00:00:00", 404, "not-found", "02:ff:00:00:00:00"),
        ("/v1/leases/printer", 400, "bad-request", "which: 'printer' is neither an IPv4 address"),
        ("/v1/leases?limit=0", 400, "bad-request", "limit: expected `int` >= 1"),
        ("/v1/leases?limit=ten", 400, "bad-request", "limit: expected `int`, got `str`"),
        ("/v1/leases?limit=1&limit=2", 400, "bad-request", "limit: given twice"),
        ("/v1/leases?state=busy", 400, "bad-request", "'busy' is not a state; write one of free"),
        ("/v1/leases?after=here", 400, "bad-request", "after"),
        ("/v1/leases?colour=red", 400, "bad-request", "colour: there is no such field"),
        ("/v1/trace?limit=-1", 400, "bad-request", "limit"),
        ("/v1/trace?hw-address=x", 400, "bad-request", "hardware address"),
        ("/v2/status", 404, "not-found", "/ lists what there is"),
        ("/v1/reload", 404, "not-found", "/ lists what there is"),
    ],
)
def test_refusals(rig: ControlRig, path: str, status: int, error: str, text: str) -> None:
    found, answer = rig.http(path)
    assert (found, answer["error"]) == (status, error)
    assert text in answer["text"]


# What is wrong for every field of a type: as text in path or query, and as JSON in a body.
NUMBER_OR_NAME = frozenset({msgspec.inspect.IntType, msgspec.inspect.StrType})
BAD_TEXT: dict[object, list[str | bytes]] = {
    NUMBER_OR_NAME: ["ten", "", "1.5", "-1", str(1 << 32), "9" * 5000, "\0", b"\xff", "x" * 300],
    msgspec.inspect.IntType: [
        "ten", "", "1.5", "-1", str(1 << 32), str(1 << 64), "9" * 5000, "\0", b"\xff", "1" * 300,
    ],
    msgspec.inspect.BoolType: ["maybe", "", "2", "\0", b"\xff", "x" * 300],
    msgspec.inspect.StrType: ["", "\0", b"\xff", "x" * 300, "10.0.0.1\0", "\u0661.2.3.4", "a b"],
    msgspec.inspect.DictType: ["ten", "", "{}"],
    msgspec.inspect.ListType: ["ten", "1,3", "[1]"],
}  # fmt: skip
BAD_JSON: dict[object, list[str]] = {
    NUMBER_OR_NAME: ['"ten"', "1.5", "true", "-1", str(1 << 32), "9" * 5000, "{}", "[1]"],
    msgspec.inspect.IntType: [
        '"ten"', "1.5", "true", "-1", "1e30", "9" * 5000, "{}", "[1]",
    ],
    msgspec.inspect.BoolType: ['"maybe"', "7", "{}", "[true]", "1e999"],
    msgspec.inspect.StrType: ["5", "true", "{}", '["a"]', '"\\u0000"'],
    msgspec.inspect.DictType: ["5", '"a"', "[]", '{"60": 1}', '{"60": "' + "x" * 300 + '"}'],
    msgspec.inspect.ListType: ["5", '"a"', "{}", "[0]", "[255]", '["a"]'],
}  # fmt: skip
FREE_TEXT = ("client-id", "circuit-id", "remote-id", "subscriber-id", "vendor-class", "user-class",
             "hostname")  # fmt: skip
"""What clients and relay agents may fill with any octets."""
BAD_FREE_TEXT, BAD_FREE_JSON = ["", "x" * 300, "hex:zz"], ["5", "true", "{}", '["a"]', '""']


def bad_requests() -> Iterator[Any]:
    """Of every field of every command: its name, and a request with one bad value."""
    for command in COMMANDS:
        asked: Any = msgspec.inspect.type_info(command.request)
        for field in asked.fields:
            name = field.encode_name
            kinds = getattr(field.type, "types", [field.type])
            found = frozenset(type(k) for k in kinds) - {msgspec.inspect.NoneType}
            kind = next(iter(found)) if len(found) == 1 else found
            path = re.sub(r"\{(.*?)\}", "10.77.1.1", command.path)
            free = name in FREE_TEXT
            for value in BAD_FREE_TEXT if free else BAD_TEXT[kind]:
                written = quote(value, safe="")
                if f"{{{name}}}" in command.path:
                    if value:
                        yield name, command, command.path.replace(f"{{{name}}}", written), b""
                else:
                    yield name, command, f"{path}?{name}={written}", b""
            if f"{{{name}}}" not in command.path:
                for text in BAD_FREE_JSON if free else BAD_JSON[kind]:
                    yield name, command, path, f'{{"{name}": {text}}}'.encode("latin-1")
        path = re.sub(r"\{(.*?)\}", "10.77.1.1", command.path)
        yield "colour", command, f"{path}?colour=red", b""
        yield "colour", command, path, b'{"colour": 1}'


def test_bad_values_are_refused_with_the_fields_name(rig: ControlRig) -> None:
    wrong, count = [], 0
    for name, command, path, body in bad_requests():
        status, answer = over_unix(rig, command.method, path, body)
        count += 1
        if (status, answer.get("error")) != (400, "bad-request") or not answer["text"].startswith(
            f"{name}: "
        ):
            wrong.append((command.name, path[:80], body[:40], status, answer))
    assert wrong == []
    assert count > 100


def over_unix(rig: ControlRig, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Status and answer, where everything is carried out."""
    connection = http.client.HTTPConnection("localhost", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.connect(str(rig.socket_path))
    connection.request(method, path, body or None, {"Connection": "close"})
    with connection.getresponse() as answer:
        return answer.status, json.loads(answer.read())


def test_what_the_path_says_is_not_said_again(rig: ControlRig) -> None:
    path = "/v1/leases/10.77.1.1/release"
    status, answer = over_unix(rig, "POST", path, b'{"address": "10.77.1.2"}')
    assert (status, answer["text"]) == (400, "address: given twice")


def test_names_that_are_not_utf8_are_written_escaped(own: ControlRig) -> None:
    interface = {"index": 3, "name": "br\udcff1", "up": True, "carrier": True, "addresses": []}
    own.channel.send(
        {
            "type": "status", "pid": 70, "started": 1.0, "processes": [], "alarms": [],
            "warnings": ["br\udcff1 is down"], "interfaces": [interface], "receive_buffer": 1,
        }
    )  # fmt: skip
    found = until(lambda: own.client.get("/v1/status"), lambda status: status["pid"] == 70)
    assert found["interfaces"][0]["name"] == "br\\udcff1"
    assert found["warnings"] == ["br\\udcff1 is down"]


def test_a_body_that_is_no_object_is_refused(rig: ControlRig) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", rig.port, timeout=PATIENCE_S)
    deep = b'{"limit": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    bad = (b"[1]", b"{", b"x" * 100_000, b'{"a": "\\ud800"}', b'{"a": "\xff"}', deep)
    for body in bad:
        connection.request("GET", "/v1/pools", body)
        answer = connection.getresponse()
        found = json.loads(answer.read())
        assert (answer.status, found["error"]) == (400, "bad-request")
        assert found["text"].startswith(("body: ", "a: "))
    connection.close()


# ---- while things go on


def die_with_lock(own: ControlRig, address: str, client: int) -> None:
    """Worker 1 renews, and dies at step 3 of Apply, where the record is locked."""
    pid = os.fork()
    if pid == 0:
        try:
            own.worker = Memory(own.segments, 1)
            own.worker.set_kill_step(3)
            own.apply(ChangeKind.CHANGE_RENEW, address, client, expiry=own.worker.now() + 9)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL


def test_a_record_whose_holder_died_is_busy_until_it_is_repaired(own: ControlRig) -> None:
    own.bind("10.77.1.5", 5)
    own.bind("10.77.1.6", 6)
    die_with_lock(own, "10.77.1.5", 5)
    assert own.lease("10.77.1.6")["state"] == "active"
    repair = threading.Timer(0.5, _journal.repair, (own.worker, 1))
    repair.start()
    assert own.lease("10.77.1.5")["state"] == "active"
    repair.join()


def test_a_record_that_stays_locked_is_told(own: ControlRig) -> None:
    own.bind("10.77.1.5", 5)
    die_with_lock(own, "10.77.1.5", 5)
    status, answer = own.http("/v1/leases/10.77.1.5")
    assert (status, answer["error"]) == (503, "busy")
    _journal.repair(own.worker, 1)
    assert own.http("/v1/leases/10.77.1.5")[0] == 200


def test_a_new_policy_is_told_from_then_on(own: ControlRig) -> None:
    own.bind("10.77.1.5", 5)
    own.set_policy('[[subnets]]\nsubnet = "10.79.0.0/24"\npools = ["10.79.0.8-10.79.0.9"]', 2)
    found = until(
        lambda: own.client.get("/v1/pools")["pools"],
        lambda pools: pools[0]["subnet"] != "10.77.0.0/22",
    )
    assert [(pool["pool"], pool["free"]) for pool in found] == [("10.79.0.8-10.79.0.9", 2)]
    assert own.lease("10.77.1.5")["state"] == "active"
    assert own.worker.process_generation(WORKERS + Role.ROLE_CONTROL) == 2


@pytest.mark.parametrize("taken", [True, False])
def test_reload_waits_for_the_supervisors_word(rig: ControlRig, taken: bool) -> None:
    answers: list[dict[str, Any]] = []
    asking = threading.Thread(
        target=lambda: answers.append(rig.client.post("/v1/reload", {})), daemon=True
    )
    asking.start()
    asked = rig.expect("reload")
    rig.channel.send(
        {"type": "reloaded", "number": asked["number"], "taken": taken, "generation": 4,
         "text": "so it is"}
    )  # fmt: skip
    asking.join(PATIENCE_S)
    assert answers == [{"taken": taken, "generation": 4, "text": "so it is"}]


def test_each_who_asks_for_a_reload_gets_the_answer_of_that_one(rig: ControlRig) -> None:
    """They are answered in another order than they asked, and a stranger's number is nobody's."""
    answers: dict[int, str] = {}
    numbers = []
    threads = []
    for n in range(2):
        threads.append(
            threading.Thread(
                target=lambda n=n: answers.update({n: rig.client.post("/v1/reload", {})["text"]}),
                daemon=True,
            )
        )
        threads[n].start()
        numbers.append(rig.expect("reload")["number"])
    first, second = numbers
    for number, text in ((second + 1, "a stranger's"), (second, "b"), (first, "a")):
        told = {"type": "reloaded", "taken": True, "generation": 4, "text": text}
        rig.channel.send({**told, "number": number})
    for thread in threads:
        thread.join(10)
    assert answers == {0: "a", 1: "b"}


def test_a_beat_and_a_status_are_one_wake_up(own: ControlRig) -> None:
    until(own.beats, lambda beats: beats > 0)
    before, beats = _wake_ups(own.process.pid), own.beats()
    for _ in range(4):
        own.channel.send({"type": "status", "pid": 70})
        time.sleep(1)
    assert own.beats() - beats == 4
    assert _wake_ups(own.process.pid) - before <= 5


def test_it_beats_also_while_nobody_tells_it_how_things_are(own: ControlRig) -> None:
    until(own.beats, lambda beats: beats > 0)
    before, beats = _wake_ups(own.process.pid), own.beats()
    time.sleep(4)
    assert 2 <= own.beats() - beats <= 3
    assert _wake_ups(own.process.pid) - before <= 4


def _wake_ups(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().split("\n")
    (count,) = (s.split()[1] for s in lines if s.startswith("voluntary_ctxt_switches"))
    return int(count)


def test_one_connection_serves_many_questions_without_delay(rig: ControlRig) -> None:
    """Were Nagle's algorithm on, each answer would wait 40 ms for an acknowledgement."""
    connection = http.client.HTTPConnection("127.0.0.1", rig.port, timeout=PATIENCE_S)
    watch = Stopwatch(rig.process.pid)
    for _ in range(100):
        connection.request("GET", "/v1/pools")
        assert connection.getresponse().read()
    connection.close()
    assert watch.seconds() < 3


def test_the_first_page_lists_every_command(rig: ControlRig) -> None:
    status, page = rig.http("/")
    assert status == 200
    assert all(command.path in page for command in COMMANDS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_the_supervisors(rig: ControlRig, number: signal.Signals) -> None:
    rig.process.send_signal(number)
    assert rig.client.get("/v1/pools")["pools"]
    assert rig.process.poll() is None


def test_it_ends_when_the_supervisor_is_gone(own: ControlRig) -> None:
    own.channel.close()
    assert own.process.wait(timeout=PATIENCE_S) == 0


# ---- metrics and trace


def test_nothing_was_decided_yet(rig: ControlRig) -> None:
    assert rig.client.get("/v1/trace") == {"decisions": []}


def test_counters_are_sums_over_processes(own: ControlRig) -> None:
    other = Memory(own.segments, 1)
    word = counter_words()["COUNT_SENT"] + 5
    own.worker.add(word, 2)
    other.add(word, 3)
    assert 'fastdhcp_packets_sent_total{type="ack"} 5\n' in own.http("/metrics")[1]
