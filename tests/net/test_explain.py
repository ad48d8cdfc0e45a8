"""`fastdhcp explain` of a living server, and what the wire then does: both are to say the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab, LinkClient, Message, RelayAgent, build
from tests.lab.capture import Capture
from tests.lab.packet import DISCOVER, REQUEST, mac
from tests.lab.servers import FastDHCP
from tests.lab.wire import dora

from .conftest import SERVER

pytestmark = pytest.mark.net

GIADDR = "10.77.0.2"
NAMES = {2: "offer", 5: "ack", 6: "nak"}
ASKED = [1, 3, 6, 15, 51, 67]
CONFIG: dict[str, Any] = {
    "server": {"interfaces": ["srv0"], "workers": 1},
    "control": {"listen": "127.0.0.1:8067"},
    "defaults": {"lease-time": 600, "authoritative": True, "next-server": "10.77.0.8",
                 "options": {"domain-name-servers": ["10.77.0.2"]}},
    "classes": [
        {"name": "modem", "test": "substring(option[60].hex, 0, 6) == 'docsis'",
         "lease-class": True, "boot-file": "cm.bin", "lease-time": 300},
        {"name": "port-7", "test": "relay4[1].hex == 'port 7'",
         "options": {"domain-name": "seven.example"}},
        {"name": "rogue", "test": "option[60].hex == 'rogue'", "drop": True},
    ],
    "subnets": [
        {"subnet": "10.77.0.0/22", "shared-network": "lan", "options": {"routers": [SERVER]},
         "pools": [{"range": "10.77.1.1-10.77.1.20", "deny": ["modem"]},
                   {"range": "10.77.2.1-10.77.2.20", "allow": ["modem"]}],
         "reservations": [{"hw-address": mac(9).hex(":"), "address": "10.77.0.50",
                           "hostname": "printer-9"}]},
    ],
}  # fmt: skip
MODEM = {60: b"docsis3.1"}


@pytest.fixture
def server(lab: Lab, link: LinkClient, relay: RelayAgent) -> FastDHCP:
    return FastDHCP(lab, "server", CONFIG)


def explain(server: FastDHCP, *words: str) -> list[dict[str, Any]]:
    done = server.command("explain", *words, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_same(told: dict[str, Any], answer: Message) -> None:
    """Kind, address, times, fields and options, octet for octet where they are numbers."""
    assert (told["reply"], told["address"] or "0.0.0.0") == (NAMES[answer.type], answer.yiaddr)
    assert told["server-id"] == answer.server_id
    assert [option["code"] for option in told["options"]] == list(answer.options)
    for key, code in (("lease-time", 51), ("renewal-time", 58), ("rebinding-time", 59)):
        said = answer.options.get(code)
        assert told[key] == (int.from_bytes(said) if said else None)
    assert told["boot-file"] == (answer.file.rstrip(b"\0").decode() or None)


def said(options: dict[int, bytes]) -> list[str]:
    """Of a client in words."""
    return [word for code, value in options.items()
            for word in ("--option", f"{code}=hex:{value.hex()}")]  # fmt: skip


@pytest.mark.parametrize(
    ("client", "options"), [(1, {}), (2, MODEM), (9, {})], ids=["any", "modem", "reserved"]
)
def test_of_a_client_by_its_chaddr(
    server: FastDHCP, relay: RelayAgent, client: int, options: dict[int, bytes]
) -> None:
    """RFC 2131 4.3.1: what is explained is what is offered, acknowledged and renewed. The relay
    agent is reached by another interface than the one whose prefix its address is in."""
    who = ["--hw-address", mac(client).hex(":"), "--relay", GIADDR, *said(options)]
    who += ["--interface", "rel0"]
    who += ["--parameters", ",".join(map(str, ASKED))]
    asked = {**options, 55: bytes(ASKED)}
    header = {"giaddr": GIADDR, "options": asked}
    (told,) = explain(server, *who)
    offer = relay.exchange(build(DISCOVER, mac(client), 1, **header))
    assert_same(told, offer)
    (bound,) = explain(server, *who, "--type", "request", "--address", offer.yiaddr)
    chosen = {**asked, 50: offer.yiaddr, 54: offer.server_id}
    ack = relay.exchange(build(REQUEST, mac(client), 2, giaddr=GIADDR, options=chosen))
    assert_same(bound, ack)
    (told,) = explain(server, *who, "--type", "rebind", "--address", ack.yiaddr)
    again = relay.exchange(build(REQUEST, mac(client), 3, ciaddr=ack.yiaddr, **header))
    assert_same(told, again)


def test_who_gave_each_value_is_told_with_it(server: FastDHCP, relay: RelayAgent) -> None:
    (told,) = explain(server, "--hw-address", mac(2).hex(":"), "--relay", GIADDR, *said(MODEM),
                      "--circuit-id", "port 7", "--parameters", "6,15,67")  # fmt: skip
    given = {option["name"]: option["layer"] for option in told["options"]}
    assert told["given-by"] == {
        "lease-time": "lease-time of class modem", "renewal-time": "half of the lease",
        "rebinding-time": "seven eighths of the lease", "next-server": "defaults",
        "boot-file": "class modem",
    }  # fmt: skip
    assert (given["domain-name"], given["domain-name-servers"]) == ("class port-7", "defaults")
    assert given["boot-file-name"] == "class modem"
    assert told["link"]["found-by"] == f"giaddr {GIADDR} lies in 10.77.0.0/22"


def test_silence_and_a_nak_are_explained_before_they_come(
    server: FastDHCP, relay: RelayAgent
) -> None:
    rogue = ["--hw-address", mac(3).hex(":"), "--relay", GIADDR, *said({60: b"rogue"})]
    (told,) = explain(server, *rogue)
    assert (told["reply"], told["reason"]) == (None, "class-drop")
    relay.silence(build(DISCOVER, mac(3), 1, giaddr=GIADDR, options={60: b"rogue"}))
    (told,) = explain(server, "--hw-address", mac(4).hex(":"), "--relay", GIADDR,
                      "--type", "reboot", "--address", "10.77.2.5")  # fmt: skip
    nak = relay.exchange(build(REQUEST, mac(4), 2, giaddr=GIADDR, options={50: "10.77.2.5"}))
    assert (told["reply"], NAMES[nak.type]) == ("nak", "nak")
    assert told["why"] == (
        "the client may not have 10.77.2.5: pool 10.77.2.1-10.77.2.20 allows class modem alone, "
        "and the client is not of it"
    )
    (last,) = explain(server, "--last", mac(3).hex(":"))
    assert (last["reply"], last["reason"]) == (None, "class-drop")
    (of_rogue,) = last["classes"]
    assert (of_rogue["name"], of_rogue["test"]) == ("rogue", "option[60].hex == 'rogue'")


def test_of_a_capture_of_what_real_stations_sent(
    lab: Lab, server: FastDHCP, link: LinkClient, tmp_path: Path
) -> None:
    """Each message of a capture is explained as its answer was: nothing has changed meanwhile."""
    seen = Capture(lab.netns("client"), "cli0", outgoing=True)
    lab.callback(seen)
    answers = [link.ask(build(DISCOVER, mac(n), n, options={**options, 55: bytes(ASKED)}))
               for n, options in ((1, {}), (2, MODEM), (9, {}))]  # fmt: skip
    seen.write_pcap(tmp_path / "lan.pcap")
    told = explain(server, "--capture", str(tmp_path / "lan.pcap"), "--interface", "srv0")
    assert [one["message"] for one in told] == ["discover"] * 3
    for one, answer in zip(told, answers, strict=True):
        assert_same(one, answer)
        assert one["interface"] == "srv0"


def test_the_last_message_of_a_client_has_its_reservation_and_pool(
    server: FastDHCP, relay: RelayAgent
) -> None:
    for client, reservation, pool in (
        (9, f"hw-address={mac(9).hex(':')}", None), (1, None, "10.77.1.1-10.77.1.20"),
    ):  # fmt: skip
        ack = dora(relay.exchange, mac(client), giaddr=GIADDR)
        (last,) = explain(server, "--last", mac(client).hex(":"))
        assert (last["reply"], last["address"]) == ("ack", ack.yiaddr)
        assert (last["reservation"], last["pool"]) == (reservation, pool)
        assert last["link"]["network"] == "lan"
        assert last["why"].startswith("it was answered within ")


def test_asking_leaves_no_trace_of_itself(server: FastDHCP, relay: RelayAgent) -> None:
    explain(server, "--hw-address", mac(1).hex(":"), "--relay", GIADDR)
    explain(server, "--hw-address", mac(9).hex(":"), "--relay", GIADDR, "--type", "reboot",
            "--address", "10.77.0.50")  # fmt: skip
    assert server.leases() == []
    assert server.command("trace", "--json").stdout == ""
    assert not any("received" in name and value for name, value in server.metrics().items())
