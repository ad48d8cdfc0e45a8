"""Pools that come and go by HUP, under load: no lease moves, none is lost (I7, I10)."""

import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.lab import Lab, LinkClient, Message, RelayAgent, build
from tests.lab.packet import ACK, NAK, REQUEST, mac
from tests.lab.patience import end_of
from tests.lab.servers import FastDHCP
from tests.lab.toml import Config
from tests.lab.wire import dora, leases_of

from .conftest import SERVER, lan

pytestmark = pytest.mark.net

GIADDR = "10.77.0.2"
STAYS, GOES, COMES = (f"10.77.{n}.1-10.77.{n}.200" for n in (1, 2, 3))
Ledger = dict[bytes, str]


def pools(*ranges: str) -> Config:
    return {**lan(), "subnets": [{"subnet": "10.77.0.0/22", "pools": list(ranges)}]}


def in_pool(address: str, pool: str) -> bool:
    return address.rsplit(".", 1)[0] == pool.split("-")[0].rsplit(".", 1)[0]


def take(relay: RelayAgent, numbers: Sequence[int]) -> Ledger:
    acks = leases_of(relay, GIADDR, [mac(n) for n in numbers])
    assert len(acks) == len(numbers)
    return {chaddr: ack.yiaddr for chaddr, ack in acks.items()}


def ask_to_renew(relay: RelayAgent, ledger: Ledger) -> None:
    for n, (chaddr, address) in enumerate(ledger.items()):
        relay.send(build(REQUEST, chaddr, 0x700000 + n, ciaddr=address, giaddr=GIADDR))


def answers(relay: RelayAgent, count: int) -> list[Message]:
    return [r.message for r in relay.collect(count=count)]


def test_pools_come_and_go_under_load(lab: Lab, link: LinkClient, relay: RelayAgent) -> None:
    server = FastDHCP(lab, "server", pools(STAYS, GOES))
    ledger = take(relay, range(200)) | take(relay, range(200, 350))
    staying = {c: a for c, a in ledger.items() if in_pool(a, STAYS)}
    going = {c: a for c, a in ledger.items() if in_pool(a, GOES)}
    assert len(staying) + len(going) == len(set(ledger.values())) == 350
    assert staying and going

    server.write(pools(STAYS, COMES))
    for turn in range(4):
        ask_to_renew(relay, staying)
        if turn == 1:
            server.reload()
        renewed = answers(relay, len(staying))
        assert {m.type for m in renewed} == {ACK}
        assert {m.chaddr: m.yiaddr for m in renewed} == staying

    ask_to_renew(relay, going)
    told = answers(relay, len(going))
    assert [m.type for m in told] == [NAK] * len(going)
    moved = take(relay, range(1000, 1040))  # strangers, beside those who were told NAK
    again = leases_of(relay, GIADDR, list(going)[:20])
    moved |= {chaddr: ack.yiaddr for chaddr, ack in again.items()}
    assert not set(moved.values()) & set(ledger.values())
    assert not any(in_pool(address, GOES) for address in moved.values())

    # The pool is back: its addresses are still held for those who were told so.
    server.write(pools(GOES, STAYS, COMES))
    server.reload()
    later = take(relay, range(2000, 2100))
    held = set(ledger.values()) | set(moved.values())
    assert not set(later.values()) & held
    assert server.process.returncode is None


def test_a_reload_for_which_the_table_has_no_room_left_is_refused(
    lab: Lab, link: LinkClient
) -> None:
    """A block stays for good: who renumbers comes to the end of `max-addresses`."""
    def renumbered(net: int) -> Config:
        config = lan(f"10.77.{net}.10-10.77.{net}.200")
        config["server"]["max-addresses"] = 512
        return config

    server = FastDHCP(lab, "server", renumbered(1))
    assert dora(link.ask, mac(1)).yiaddr.startswith("10.77.1.")
    server.write(renumbered(2))
    server.reload()
    assert dora(link.ask, mac(2)).yiaddr.startswith("10.77.2.")
    server.write(renumbered(3))
    at = len(server.process.text())
    server.reload("reload-refused")
    assert "server.max-addresses" in server.process.text()[at:]
    assert dora(link.ask, mac(3)).yiaddr.startswith("10.77.2.")


def test_a_refused_reload_stands_in_status_until_one_is_taken(lab: Lab, link: LinkClient) -> None:
    """What `fastdhcp reload` answers, and `status` right after it, tell of the same policy."""
    server = FastDHCP(lab, "server", lan())
    server.write({**lan(), "subnets": [{"subnet": "10.77.0.0/22", "pools": ["10.78.0.0/24"]}]})
    assert server.command("reload").returncode == 1
    alarms = server.status()["alarms"]
    assert isinstance(alarms, list)
    assert [alarm["name"] for alarm in alarms] == ["configuration-refused"]
    assert "10.78.0.0/24" in alarms[0]["text"]
    server.write({**lan(), "leasequery": {"allow": ["10.77.0.9"]}})
    done = server.command("reload")
    assert done.returncode == 0
    status = server.status()
    assert status["alarms"] == []
    assert status["warnings"]
    assert f"generation {status['generation']} is in force, with " in done.stdout


def test_a_reload_that_meets_the_stores_death_is_tried_again(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan("10.77.1.1-10.77.1.9"))
    assert dora(link.ask, mac(1)).yiaddr.startswith("10.77.1.")
    server.write(lan("10.77.2.1-10.77.2.9"))
    at = len(server.process.text())
    # It is there and does not answer, until the look-out ends it.
    os.kill(server.pids("store")[0], signal.SIGSTOP)
    server.process.send_signal(signal.SIGHUP)
    server.process.wait_for("^[^ ]+ notice reloaded ", after=at)
    assert "reload-again" in server.process.text()[at:]
    assert dora(link.ask, mac(2)).yiaddr.startswith("10.77.2.")


def test_a_configuration_that_does_not_answer_holds_up_neither_interfaces_nor_term(
    lab: Lab, link: LinkClient
) -> None:
    server = FastDHCP(lab, "server", lan())
    server.config_file.unlink()
    os.mkfifo(server.config_file)
    server.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    lab.ip("server", "address", "add", "10.77.0.9/22", "dev", "srv0")
    server.process.wait_for("interfaces-changed interfaces=srv0")
    assert dora(link.ask, mac(1)).type == ACK
    assert "reload-refused" not in server.process.text()
    server.process.send_signal(signal.SIGTERM)
    code, seconds = end_of(server.process.popen)
    assert code == 0
    assert seconds < 4


def test_a_configuration_that_does_not_answer_is_given_up_in_words(
    lab: Lab, link: LinkClient
) -> None:
    script = lab.folder / "hasty.py"
    script.write_text(
        "import sys\n"
        "from fastdhcp.supervisor import reload, serve\n"
        "reload.READ_S = 1.0\n"
        "sys.exit(serve.serve(sys.argv[-1]))\n"
    )
    env = {"PYTHONPATH": str(Path.cwd())}
    server = FastDHCP(lab, "server", lan(), wrapper=[sys.executable, str(script)], env=env)
    server.config_file.unlink()
    os.mkfifo(server.config_file)
    at = len(server.process.text())
    server.reload("reload-refused")
    assert "could not be read within 1 s" in server.process.text()[at:]
    server.config_file.unlink()
    server.write(lan("10.77.2.1-10.77.2.9"))
    server.reload()
    assert dora(link.ask, mac(1)).yiaddr.startswith("10.77.2.")
    assert server.stop() == 0


def test_a_reservation_of_the_servers_own_address_is_said(lab: Lab, link: LinkClient) -> None:
    config = lan()
    config["subnets"][0]["reservations"] = [{"hw-address": mac(1).hex(":"), "address": SERVER}]
    server = FastDHCP(lab, "server", config)
    server.process.wait_for(f"reservation-not-given text=.*{SERVER} is reserved")
    warnings = server.status()["warnings"]
    assert isinstance(warnings, list)
    assert [text for text in warnings if text.startswith(f"{SERVER} is reserved")]
    assert dora(link.ask, mac(1)).yiaddr != SERVER


def test_a_vrf_goes_with_its_reservations(lab: Lab, link: LinkClient) -> None:
    """Its number is no longer known when the reservations of before are looked at."""
    config = lan()
    blue = {
        "subnet": "10.77.0.0/22", "vrf": "blue",
        "reservations": [{"hw-address": mac(1).hex(":"), "address": "10.77.0.9"}],
    }  # fmt: skip
    server = FastDHCP(lab, "server", {**config, "subnets": [*config["subnets"], blue]})
    server.write(config)
    server.reload(r" reloaded .*generation=2")
    server.reload(r" reloaded .*generation=3")
    assert " internal-error " not in server.process.text()
    assert dora(link.ask, mac(1)).yiaddr


def test_a_reservation_on_an_address_that_somebody_else_holds_is_said(
    lab: Lab, link: LinkClient
) -> None:
    config = lan()
    server = FastDHCP(lab, "server", config)
    held, own = dora(link.ask, mac(1)).yiaddr, dora(link.ask, mac(2)).yiaddr
    at = len(server.process.text())
    config["subnets"][0]["reservations"] = [
        {"hw-address": mac(9).hex(":"), "address": held},
        {"hw-address": mac(2).hex(":"), "address": own},  # its own
        {"client-id": "hex:01020304", "address": "10.77.0.50"},  # nobody's
    ]
    server.write(config)
    server.reload()
    wanted = f"reservation-held address={held} reserved-for={mac(9).hex(':')}"
    server.process.wait_for(f"{wanted} held-by={mac(1).hex(':')} ", after=at)
    server.reload()
    assert server.process.text()[at:].count("reservation-held") == 1  # said once
    assert dora(link.ask, mac(2)).yiaddr == own


def test_clients_that_a_reload_takes_the_pool_from_are_counted(lab: Lab, link: LinkClient) -> None:
    config = lan("10.77.1.1-10.77.1.9")
    server = FastDHCP(lab, "server", config)
    dora(link.ask, mac(1))
    dora(link.ask, mac(2))
    server.write(lan("10.77.2.1-10.77.2.9"))
    done = server.command("reload")
    said = "2 active leases are in no pool any more (10.77.0.0/22: 2): their clients lose them"
    assert f"generation 2 is in force; {said} at the next renewal\n" == done.stdout
    server.process.wait_for(f"leases-stranded text=.*{re.escape(said)}")
    server.write(config)
    assert server.command("reload").stdout == "generation 3 is in force\n"


def test_a_refused_reload_says_when_what_stays_and_what_helps(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan())

    def told() -> tuple[str, str]:
        (alarm,) = server.status()["alarms"]  # type: ignore[attr-defined]
        return alarm["text"], alarm["cure"]

    server.write({**lan(), "subnets": []} | {"subnets": [{"subnet": "10.77.0.0"}]})
    server.command("reload")
    text, cure = told()
    refused = r"the reload of \d\d:\d\d:\d\dZ was refused, generation 1 stays in force: "
    assert re.match(refused + ".*fastdhcp.toml:", text)
    assert re.match(r"`fastdhcp check .*fastdhcp.toml` tells all", cure)
    config = lan()
    config["server"]["identity"] = ["hw-address"]
    server.write(config)
    server.command("reload")
    text, cure = told()
    assert re.match(refused + ".*server.identity: cannot change while the server runs", text)
    assert cure.startswith("restart the server")
