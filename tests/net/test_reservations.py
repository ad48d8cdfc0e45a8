"""Reservations of files under a running server: reloads bring them, move them and take them away.

RFC 2131 4.3.1, 4.3.2: who is offered a reserved address, and who is told NAK for it.
"""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab, LinkClient, build
from tests.lab.packet import DISCOVER, NAK, REQUEST, mac
from tests.lab.servers import FastDHCP
from tests.lab.wire import dora

from .conftest import eventually, lan

pytestmark = pytest.mark.net

HEADS = "hw-address,address,hostname\n"


def row(number: int, address: str) -> str:
    return f"{mac(number).hex(':')},{address},cpe-{number}\n"


class Site:
    """A server on one link whose reservations stand in cpe.csv."""

    def __init__(self, lab: Lab, link: LinkClient, csv: str) -> None:
        self.link = link
        config: dict[str, Any] = {**lan()}
        self.file = Path(lab.folder) / "cpe.csv"
        self.file.write_text(HEADS + csv)
        config["server"] = {**config["server"], "reservation-files": [str(self.file)]}
        config["subnets"] = [{"subnet": "10.77.0.0/22", "pools": ["10.77.1.1-10.77.1.4"]}]
        self.server = FastDHCP(lab, "server", config)

    def reload(self, csv: str) -> None:
        self.file.write_text(HEADS + csv)
        self.server.reload()


def test_reloads_bring_move_and_take_away_what_a_file_reserves(lab: Lab, link: LinkClient) -> None:
    site = Site(lab, link, row(1, "10.77.1.2") + row(2, "10.77.3.9"))
    assert dora(link.ask, mac(1)).yiaddr == "10.77.1.2"
    assert dora(link.ask, mac(2)).yiaddr == "10.77.3.9"
    others = {dora(link.ask, mac(n)).yiaddr for n in (11, 12, 13)}
    assert others == {"10.77.1.1", "10.77.1.3", "10.77.1.4"}

    site.reload(row(1, "10.77.3.7"))  # moved; the second has none any more
    renewal = link.ask(build(REQUEST, mac(1), 7, ciaddr="10.77.1.2"))
    assert renewal.type == NAK
    assert dora(link.ask, mac(1)).yiaddr == "10.77.3.7"
    assert link.ask(build(REQUEST, mac(2), 8, ciaddr="10.77.3.9")).type == NAK


def test_an_address_that_is_reserved_no_more_is_given_again(lab: Lab, link: LinkClient) -> None:
    rows = [row(n, f"10.77.1.{n}") for n in (1, 2, 3, 4)]
    site = Site(lab, link, "".join(rows))
    link.broadcast(build(DISCOVER, mac(20), 20), mac(20))
    eventually(lambda: site.server.dropped().get("pool-exhausted") == 1)
    site.reload("".join(rows[:3]))
    assert dora(link.ask, mac(20)).yiaddr == "10.77.1.4"


def test_a_wrong_row_refuses_the_reload_and_names_its_place(lab: Lab, link: LinkClient) -> None:
    site = Site(lab, link, row(1, "10.77.1.2"))
    site.file.write_text(HEADS + row(1, "10.77.1.2") + row(2, "10.99.0.1"))
    at = len(site.server.process.text())
    site.server.process.send_signal(signal.SIGHUP)
    wanted = f"configuration-invalid problem=.*{site.file}:3: address: 10.99.0.1 lies in no subnet"
    site.server.process.wait_for(wanted, after=at)
    assert dora(link.ask, mac(1)).yiaddr == "10.77.1.2"
