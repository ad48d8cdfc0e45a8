"""What real firmware sent is answered with the boot file of its architecture (docs/cases/boot.md).

The octets in sent/ are those of test_firmware.py's runs.
"""

import socket
import tomllib
from collections.abc import Iterator

import pytest

from tests.boot.firmware import CASE, FIRMWARE, SERVER, kept, names
from tests.lab import Lab, LinkClient, Message
from tests.lab.packet import ACK, DISCOVER, OFFER, REQUEST, build
from tests.lab.servers import FastDHCP
from tests.lab.wire import dora

pytestmark = pytest.mark.net

SCRIPT = "http://10.77.0.8/boot.ipxe"
BOOT_FILES = {
    "ipxe-bios": [SCRIPT],
    "ovmf-pxe": ["snponly.efi", SCRIPT],
    "ovmf-http": ["http://10.77.0.8/snponly.efi", SCRIPT],
    "uboot-arm": ["boot.scr.uimg", "arm.efi"],
    "uboot-arm64": ["boot.scr.uimg", "arm64.efi"],
}
"""What each stage of a start is told to load."""


@pytest.fixture(scope="module")
def link() -> Iterator[LinkClient]:
    """The link of a server with the configuration of the page."""
    with Lab() as lab:
        lab.veth(f"server:srv0={SERVER}/22", "client:cli0")
        FastDHCP(lab, "server", tomllib.loads(CASE.read_text()))
        made = LinkClient(lab.netns("client"), "cli0")
        lab.callback(made)
        yield made


@pytest.mark.parametrize("name", BOOT_FILES)
def test_rfc4578_firmware_is_told_what_to_load_by_its_architecture(
    link: LinkClient, name: str
) -> None:
    answers = answers_to(link, kept(name))
    told = [boot_file(answer) for answer in answers if answer.type == OFFER]
    assert told == BOOT_FILES[name]
    assert [boot_file(answer) for answer in answers if answer.type == ACK] == told
    # One address from the ROM to the last stage, though iPXE alone sends option 61.
    assert len({answer.yiaddr for answer in answers}) == 1
    assert {answer.siaddr for answer in answers} == {"10.77.0.8"}


def answers_to(link: LinkClient, sent: list[Message]) -> list[Message]:
    """The answers, each of the type that is due. A REQUEST asks for what was offered here."""
    answers: list[Message] = []
    for message in sent:
        raw = message.raw
        if message.type == REQUEST:
            asked, offered = message.options[50], socket.inet_aton(answers[-1].yiaddr)
            raw = raw.replace(b"\x32\x04" + asked, b"\x32\x04" + offered)
        answers.append(link.ask(raw))
        assert answers[-1].type == {DISCOVER: OFFER, REQUEST: ACK}[message.type]
    return answers


def boot_file(answer: Message) -> str:
    """Option 67 where there is one: it has room for an address of the web."""
    return (answer.options.get(67) or answer.file.rstrip(b"\0")).decode()


def test_uefi_2_10_24_7_http_boot_is_answered_with_its_own_vendor_class(link: LinkClient) -> None:
    """Only so does the firmware take the address for one of the web; PXE must not get it: there it
    would have the ROM ask port 4011."""
    for name in BOOT_FILES:
        sent = kept(name)
        for message, answer in zip(sent, answers_to(link, sent), strict=True):
            is_http = message.options[60].startswith(b"HTTPClient")
            assert answer.options.get(60) == (b"HTTPClient" if is_http else None)


def test_rfc4578_2_options_of_the_client_are_not_sent_back(link: LinkClient) -> None:
    """93, 94 and 97 are for boot servers on port 4011; firmware boots without them."""
    for name in BOOT_FILES:
        for answer in answers_to(link, kept(name)):
            assert not {93, 94, 97} & answer.options.keys()


def test_the_system_keeps_the_address_of_its_firmware(link: LinkClient) -> None:
    """RFC 4361 6.1: a system sends an identifier of its own (here a DUID), firmware none."""
    first = kept("ovmf-pxe")[0]
    offer = link.ask(first.raw)
    ack = dora(link.ask, first.chaddr, options={61: b"\xff\0\0\0\1\0\2\0\0\xab\x11\x77"})
    assert ack.yiaddr == offer.yiaddr
    assert not ack.file.rstrip(b"\0")


def test_who_does_not_boot_is_told_no_boot_file(link: LinkClient) -> None:
    options = {60: b"MSFT 5.0", 55: bytes((1, 3, 6, 60, 66, 67))}
    offer = link.ask(build(DISCOVER, b"\x02\xcc\0\0\0\1", options=options))
    assert boot_file(offer) == ""
    assert 60 not in offer.options


def test_every_firmware_is_kept() -> None:
    assert names() == sorted(firmware.name for firmware in FIRMWARE) == sorted(BOOT_FILES)
