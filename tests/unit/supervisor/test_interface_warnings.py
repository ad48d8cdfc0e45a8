"""Interfaces that the configuration names and that are not there are named to the operator."""

from pathlib import Path

from fastdhcp.config import load
from fastdhcp.interfaces import Interface
from fastdhcp.supervisor.obstacles import interface_warnings


def test_one_that_is_not_to_be_trusted_and_is_not_there_is_told(tmp_path: Path) -> None:
    """It may be misspelt, and then clients of the right one are believed."""
    path = tmp_path / "fastdhcp.toml"
    path.write_text(
        '[server]\ninterfaces = []\n[relays]\nuntrusted-interfaces = ["wlan0", "wifi0"]\n'
        '[[subnets]]\nsubnet = "10.0.0.0/24"\npools = ["10.0.0.9"]\n'
    )
    there = Interface(index=3, name="wlan0", up=True, mtu=1500, addresses=(), loopback=False)
    assert list(interface_warnings(load(path), [there])) == [
        (
            "interface-missing",
            "wifi0 does not exist: relays.untrusted-interfaces counts as soon as it does",
        )
    ]
