"""Asks a living kea-dhcp4 what it says of every expression and packet: `python -m tests.kea`.

Needs Kea, and root or a user namespace. It says where the answers are not those that are kept;
with --write it keeps them. Each expression is a class that sends an option of its own, and Kea is
started as often as its codes need.
"""

import argparse
import json
import sys
from collections.abc import Iterator

from fastdhcp.config.syntax import parse
from tests.kea.answers import Answers, read_answers, write_answers
from tests.kea.expressions import expressions, kea_text
from tests.kea.packets import CLASSES, GIADDR, RESERVED, packets
from tests.lab import Lab, RelayAgent, namespaces
from tests.lab.process import Process

SERVER = "192.168.9.1"
CODES = (*range(162, 174), *range(178, 208), *range(225, 230), *range(231, 250))
"""Of options that no standard has, and no packet."""


def config(tests: list[str]) -> dict[str, object]:
    """Kea's configuration with a class for each test, which sends the option of its code."""
    classes: list[dict[str, object]] = [
        {"name": name, "test": kea_text(parse(text))} for name, text in CLASSES.items()
    ]
    for code, text in zip(CODES, tests, strict=False):
        option = {"code": code, "name": f"c{code}", "data": "1", "always-send": True}
        classes.append({"name": f"t{code}", "test": text, "option-data": [option]})
    subnet = {
        "id": 1,
        "subnet": "10.88.0.0/24",
        "pools": [{"pool": "10.88.0.10 - 10.88.0.250"}],
        "reservations": [{"hw-address": RESERVED.hex(":"), "ip-address": "10.88.0.11"}],
    }
    logger = {
        "name": "kea-dhcp4", "severity": "INFO", "output_options": [{"output": "stdout"}],
    }  # fmt: skip
    return {
        "Dhcp4": {
            "interfaces-config": {"interfaces": ["srv0"], "dhcp-socket-type": "udp"},
            "lease-database": {"type": "memfile", "persist": False},
            "option-def": [{"name": f"c{code}", "code": code, "type": "uint8"} for code in CODES],
            "client-classes": classes,
            "subnet4": [subnet],
            "loggers": [logger],
        }
    }


class Kea:
    """A lab with a relay agent, and Kea behind it with one configuration after the other."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lab.veth(f"server:srv0={SERVER}/30", "relay:up0=192.168.9.2/30")
        lab.ip("relay", "address", "add", f"{GIADDR}/24", "dev", "up0")
        lab.ip("server", "route", "add", "10.88.0.0/24", "via", "192.168.9.2")
        self.agent = RelayAgent(lab.netns("relay"), GIADDR, SERVER)
        lab.callback(self.agent)

    def answers(self, tests: list[str]) -> list[list[bool]]:
        """What it says of each test and packet."""
        process = self.start(tests)
        try:
            seen = [self.agent.exchange(packet.message).options for packet in packets()]
        finally:
            process.stop()
        return [[code in options for options in seen] for code in CODES[: len(tests)]]

    def start(self, tests: list[str]) -> Process:
        path = self.lab.folder / "kea.json"
        path.write_text(json.dumps(config(tests)))
        names = ("KEA_PIDFILE_DIR", "KEA_LOCKFILE_DIR")
        env = {name: str(self.lab.folder) for name in names}
        process = self.lab.start("server", ["kea-dhcp4", "-c", str(path)], env=env)
        process.wait_for("DHCP4_STARTED")
        return process


def ask(texts: list[str]) -> Answers:
    """Kea's answers, by expression: a truth for each packet."""
    found: Answers = {}
    with Lab() as lab:
        kea = Kea(lab)
        for some in batches(texts):
            answers = kea.answers([kea_text(parse(text)) for text in some])
            found |= {text: tuple(said) for text, said in zip(some, answers, strict=True)}
    return found


def batches(texts: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(texts), len(CODES)):
        yield texts[start : start + len(CODES)]


def main() -> None:
    arguments = argparse.ArgumentParser(description="hold the kept answers against a living Kea")
    arguments.add_argument("--write", action="store_true", help="keep what it says")
    chosen = arguments.parse_args()
    namespaces.enter()
    texts = expressions() if chosen.write else list(read_answers())
    found = ask(texts)
    if chosen.write:
        write_answers(found)
        print(f"{len(found)} expressions kept")
        return
    kept = read_answers()
    wrong = [text for text in texts if found[text] != kept[text]]
    print(f"{len(texts)} expressions, {len(packets())} packets: {len(wrong)} are said otherwise")
    for text in wrong:
        print(f"  {text}: kept {kept[text]}, said {found[text]}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
