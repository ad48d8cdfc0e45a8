"""`fastdhcp explain` against a control process: a client, a message, a capture, the last one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fastdhcp._codec import encode
from fastdhcp.cli.explain import TYPES
from fastdhcp.cli.main import main
from fastdhcp.control import question
from fastdhcp.words import hardware_bytes
from tests.control_rig import ControlRig, until

from .test_cli_capture import ethernet, ip, pcap

MAC = "02:ee:00:00:00:07"
RELAY = ("--relay", "10.77.0.9")
INTERFACE = {"index": 3, "name": "srv0", "up": True, "addresses": ["10.77.0.1/22"]}
STATUS = {
    "type": "status", "pid": 70, "started": 1.0, "processes": [], "alarms": [], "warnings": [],
    "interfaces": [INTERFACE], "receive_buffer": 1 << 20,
}  # fmt: skip


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlRig]:
    made = ControlRig(tmp_path_factory.mktemp("control"))
    try:
        made.channel.send(STATUS)
        until(lambda: made.client.get("/v1/status"), lambda status: status["pid"] == 70)
        made.bind("10.77.1.1", 1)
        yield made
    finally:
        made.stop()


def run(rig: ControlRig, *words: str) -> Result:
    return CliRunner().invoke(main, ["explain", *words, "--socket", str(rig.socket_path)])


def found(rig: ControlRig, *words: str) -> dict[str, Any]:
    result = run(rig, *words, "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_the_types_are_those_of_the_server() -> None:
    assert tuple(question.TYPES) == TYPES


def test_a_client_behind_a_relay_agent(rig: ControlRig) -> None:
    one = found(rig, "--hw-address", MAC, *RELAY)
    assert (one["message"], one["hw-address"], one["relay"]) == ("discover", MAC, "10.77.0.9")
    assert (one["reply"], one["reason"], one["pool"]) == ("offer", None, "10.77.1.1-10.77.1.250")
    assert one["link"] == {
        "vrf": 0, "vrf-name": None, "network": "10.77.0.0/22", "subnet": "10.77.0.0/22",
        "found-by": "giaddr 10.77.0.9 lies in 10.77.0.0/22",
    }  # fmt: skip
    assert (one["lease-time"], one["renewal-time"], one["infinite"]) == (3600, 1800, False)
    assert one["server-id"] == "10.77.0.1"
    values = {option["name"]: option["value"] for option in one["options"]}
    assert (values["subnet-mask"], values["server-id"]) == ("255.255.252.0", "10.77.0.1")


def test_rfc3527_and_rfc3011_what_selects_the_link_is_told(rig: ControlRig) -> None:
    relay = ("--relay", "203.0.113.1")
    one = found(rig, "--hw-address", MAC, *relay, "--option", "82=hex:05040a4d0001")
    assert one["link"]["found-by"] == (
        "link selection 10.77.0.1 of option 82 (RFC 3527) lies in 10.77.0.0/22"
    )
    one = found(rig, "--hw-address", MAC, *relay, "--option", "118=hex:0a4e0000")
    assert one["link"]["found-by"] == (
        "subnet selection 10.78.0.0, option 118 (RFC 3011) lies in 10.78.0.0/24"
    )
    one = found(rig, "--hw-address", "02:ee:00:00:00:01", "--type", "renew", "--address",
                "10.77.1.1")  # fmt: skip
    assert one["link"]["found-by"] == "ciaddr 10.77.1.1 lies in 10.77.0.0/22 (RFC 2131 4.3.2)"


def test_in_words(rig: ControlRig) -> None:
    lines = run(rig, "--hw-address", MAC, *RELAY).stdout.splitlines()
    assert lines[0] == f"message      DISCOVER of {MAC} by relay agent 10.77.0.9"
    said = dict(line.split(maxsplit=1) for line in lines if line)
    assert said["answer"].startswith("OFFER 10.77.1.")
    assert said["reservation"] == "none"
    assert said["lease"].startswith("1h 0m, by lease-time of ")
    assert said["T1"] == "30m 0s, by half of the lease"
    assert said["T2"] == "52m 30s, by seven eighths of the lease"
    assert said["option"].split() == ["name", "value", "given", "by"]
    assert [line.split()[0] for line in lines[lines.index("") + 2 :]][:3] == ["53", "54", "51"]


def test_a_reserved_client(rig: ControlRig) -> None:
    one = found(rig, "--hw-address", "02:ee:00:00:00:01", *RELAY)
    assert one["address"] == "10.77.0.50"
    assert one["reservation"] == "hw-address=02:ee:00:00:00:01, address 10.77.0.50"


def test_a_request_names_this_server(rig: ControlRig) -> None:
    one = found(rig, "--hw-address", MAC, *RELAY, "--type", "request", "--address", "10.77.1.9")
    assert (one["message"], one["reply"], one["address"]) == ("request", "ack", "10.77.1.9")


def test_silence_has_its_reason(rig: ControlRig) -> None:
    result = run(rig, "--hw-address", MAC, "--relay", "203.0.113.1")
    assert "answer       none (no-subnet)" in result.stdout
    assert "no subnet holds giaddr 203.0.113.1; add one, or give the relay" in result.stdout
    note = "note         it is assumed to come from 203.0.113.1 by srv0; --interface names another"
    assert note in result.stdout
    assert found(rig, "--hw-address", MAC, "--relay", "203.0.113.1")["link"] is None


def test_a_message_in_hex(rig: ControlRig) -> None:
    message = encode(chaddr=hardware_bytes(MAC), message_type=1, giaddr="10.77.0.9", xid=9)
    assert found(rig, "--packet", message.hex())["reply"] == "offer"
    broken = found(rig, "--packet", message[:100].hex())
    assert (broken["message"], broken["reason"]) == ("undecoded", "too-short")
    assert broken["why"] == "it is shorter than the fixed header of a message"
    reply = found(rig, "--packet", (b"\2" + message[1:]).hex())
    assert (reply["reason"], reply["reply"], reply["options"]) == ("not-request", None, [])


def test_rfc2131_4_2_who_holds_an_address_by_its_client_id_renews_with_it(rig: ControlRig) -> None:
    rig.bind("10.77.1.40", 40, client_id=b"\1\2\3")
    words = ("--hw-address", "02:ee:00:00:00:28", *RELAY, "--type", "renew", "--address",
             "10.77.1.40")  # fmt: skip
    one = found(rig, *words)
    assert one["client-id"] == "hex:010203"
    assert one["notes"] == [
        "client-id hex:010203 is that of its lease of 10.77.1.40; --client-id names another"
    ]
    assert found(rig, *words, "--client-id", "x")["notes"] == []


def test_what_a_client_is_not_sent(rig: ControlRig) -> None:
    one = found(rig, "--hw-address", MAC, *RELAY, "--parameters", "6,51")
    assert one["not-sent"] == [
        {"code": 6, "name": "domain-name-servers", "why": "asked for, but it has no value here"}
    ]
    lines = run(rig, "--hw-address", MAC, *RELAY, "--parameters", "6").stdout.splitlines()
    assert lines[-2].split() == ["not", "sent", "name", "why"]
    assert lines[-1].endswith("asked for, but it has no value here")


def test_each_message_of_a_capture(rig: ControlRig, tmp_path: Path) -> None:
    message = encode(chaddr=hardware_bytes(MAC), message_type=1, giaddr="10.77.0.9")
    path = tmp_path / "two.pcap"
    frames = [ethernet(ip(message, source="10.77.0.9", destination="10.77.0.1")), b"",
              ethernet(ip(message[:-40], destination="10.77.0.1"))[:-10]]  # fmt: skip
    path.write_bytes(pcap(*frames))
    result = run(rig, "--capture", str(path), "--json")
    assert result.exit_code == 0, result.output
    numbers = [json.loads(line)["packet"] for line in result.stdout.splitlines()]
    assert numbers == [1, 3]
    assert "packet 3: 10 octets of it were not captured" in result.stderr
    header = ethernet(ip(message, destination="10.77.0.1"))[: -len(message) + 40]
    path.write_bytes(pcap(header, frames[0]))
    cut = run(rig, "--capture", str(path), "--json")
    assert [json.loads(line)["packet"] for line in cut.stdout.splitlines()] == [1, 2]
    assert f"packet 1: {len(message) - 40} octets of it were not captured" in cut.stderr
    path.write_bytes(pcap(ethernet(ip(message + bytes(17_000))), frames[0]))
    some = run(rig, "--capture", str(path), "--json")
    assert some.exit_code == 1
    assert [json.loads(line)["packet"] for line in some.stdout.splitlines()] == [2]
    assert "packet 1: packet: expected `str` of length <= 32768" in some.stderr
    assert "1 of 2 messages could not be explained" in some.stderr
    words = run(rig, "--capture", str(path)).stdout
    assert words.splitlines()[1] == "packet 2"
    assert "OFFER 10.77.1." in words


def test_a_capture_that_cannot_be_read_is_said(rig: ControlRig, tmp_path: Path) -> None:
    path = tmp_path / "a\x1b.pcap"
    path.write_bytes(b"GIF89a")
    result = run(rig, "--capture", str(path))
    assert result.exit_code == 1
    assert "a\\x1b.pcap: is neither a pcap nor a pcapng file" in result.stderr
    path.write_bytes(pcap(b"x"))
    assert "holds no message to a DHCP server" in run(rig, "--capture", str(path)).stderr


def test_the_last_message_of_a_client_that_sent_none(rig: ControlRig) -> None:
    result = run(rig, "--last", MAC)
    assert result.exit_code == 1
    assert f"no message of {MAC} in the trace" in result.stderr
    result = run(rig, "--last", MAC, "--vrf", "default")
    assert f"no message of {MAC} in the default VRF in the trace" in result.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "name a client, as in --hw-address 02:ee:00:00:00:01; see --help"),
        (["--packet", "00", "--last", MAC], "--packet and --last do not go together"),
        (["--last", MAC, "--hw-address", MAC], "--last and --hw-address do not go together"),
        (["--last", MAC, "--vrf", "x"], "'x' is not a VRF; write its number, or one of default"),
        (["--hw-address", MAC, "--vrf", "default"], "--vrf goes with --last alone: its VRF"),
        (["--packet", "00", "--vrf", "0"], "--vrf goes with --last alone"),
        (["--packet", "00", "--option", "1=x"], "--packet and --option do not go together"),
        (["--option", "60"], "--option 60: write CODE=VALUE, as in 60=PXEClient"),
        (["--hw-address", MAC, "--parameters", "a"], "--parameters: write codes of options"),
        (["--hw-address", "x"], "'x' is not a hardware address"),
        (["--hw-address", MAC, "--interface", "eth9"], "eth9 is not served: the server's are srv0"),
    ],
)
def test_wrong_usage_in_words(rig: ControlRig, words: list[str], told: str) -> None:
    result = run(rig, *words)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.split())


def test_asking_over_tcp_is_reading(rig: ControlRig) -> None:
    body = json.dumps({"hw-address": MAC, "relay": "10.77.0.9", "options": {"60": "x"}}).encode()
    assert rig.http("/v1/explain", "POST", body)[0] == 200
    vrf = json.dumps({"hw-address": MAC, "vrf": "default"}).encode()
    status, refused = rig.http("/v1/explain", "POST", vrf)
    assert (status, refused["text"].partition(":")[0]) == (400, "vrf")
    status, refused = rig.http("/v1/explain", "POST", b'{"parameters": [0]}')
    assert (status, refused["text"].partition(":")[0]) == (400, "parameters")
