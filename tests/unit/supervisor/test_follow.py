"""What is said of interfaces that change."""

import dataclasses
from ipaddress import IPv4Interface

from fastdhcp.interfaces import Interface
from fastdhcp.supervisor.follow import changed

SRV0 = Interface(3, "srv0", up=True, loopback=False, mtu=1500,
                 addresses=(IPv4Interface("10.77.0.1/22"),))  # fmt: skip
DOWN = dataclasses.replace(SRV0, up=False)


def test_a_change_says_what_was_and_what_is() -> None:
    idle = dataclasses.replace(SRV0, carrier=False)
    other = dataclasses.replace(SRV0, index=4, name="srv1")
    up = "up, 10.77.0.1/22"
    assert changed([DOWN, other], [SRV0, other]) == {"srv0": f"down, 10.77.0.1/22 -> {up}"}
    assert changed([SRV0], [idle]) == {"srv0": f"{up} -> no carrier, 10.77.0.1/22"}
    assert changed([SRV0], []) == {"srv0": f"{up} -> not there"}
    bare = dataclasses.replace(SRV0, addresses=())
    assert changed([], [bare, other]) == {"srv0": "not there -> up", "srv1": f"not there -> {up}"}


def test_a_change_says_whether_trains_are_cut() -> None:
    cuts = dataclasses.replace(SRV0, trains=True)
    up = "up, 10.77.0.1/22"
    assert changed([SRV0], [cuts]) == {"srv0": f"{up} -> {up}, cuts trains of replies"}
    assert changed([cuts], [SRV0]) == {"srv0": f"{up} -> {up}, no longer cuts trains of replies"}
