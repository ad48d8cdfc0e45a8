"""What explain says of options that a client is not sent, and of the link of a relay agent."""

from pathlib import Path

from fastdhcp.control.messages import Explanation

from .test_layers import Rig

POLICY = """
[[relays.agents]]
address = "10.99.0.1"
name = "pe-7"
link = "10.77.0.0/22"
[defaults]
never-send = ["time-offset"]
[defaults.options]
domain-name = "campus.example"
ntp-servers = ["10.77.0.4"]
time-offset = 3600
tz-name = "Europe/Berlin"
root-path = "%s"
v6-only-preferred = 1800
routers = ["10.77.0.1"]
classless-static-routes = [["0.0.0.0/0", "10.77.0.1"]]
[[subnets]]
subnet = "10.77.0.0/22"
pools = ["10.77.1.1-10.77.1.250"]
authoritative = true
""" % ("x" * 250)


def why(found: Explanation) -> dict[int, str]:
    return {one.code: one.why for one in found.not_sent}


def test_each_option_that_is_not_sent_has_its_reason(tmp_path: Path) -> None:
    rig = Rig(tmp_path, POLICY)
    told = why(rig.ask(parameters=[15, 3, 2, 69, 121], relay="10.77.0.9"))
    assert told == {
        2: "never-send says so (it stands in defaults)",
        3: "classless routes are sent instead of it (RFC 3442) (it stands in defaults)",
        17: "not asked for: option 55 does not name it, nor does always-send (it stands in "
            "defaults)",
        42: "not asked for: option 55 does not name it, nor does always-send (it stands in "
            "defaults)",
        69: "asked for, but it has no value here",
        101: "not asked for: option 55 does not name it, nor does always-send (it stands in "
             "defaults)",
        108: "not asked for: option 55 does not name it, nor does always-send (it stands in "
             "defaults)",
    }  # fmt: skip
    told = why(rig.ask(relay="10.77.0.9"))
    alone = "the client has no option 55, and this one goes to who asks for it alone"
    assert told[108] == f"{alone} (it stands in defaults)"


def test_rfc2131_2_what_found_no_room_is_told_with_the_size(tmp_path: Path) -> None:
    rig = Rig(tmp_path, POLICY)
    long = "hex:01fa" + "aa" * 250
    told = why(rig.ask(parameters=[17], relay="10.77.0.9", options={"82": long}))
    size = "576 octets, for the client has no option 57"
    assert told[17] == f"no room: {size} (it stands in defaults)"
    options = {"82": long, "57": "hex:0240"}
    told = why(rig.ask(parameters=[17], relay="10.77.0.9", options=options))
    assert told[17] == "no room: 576 octets, by its option 57 (it stands in defaults)"
    options = {"82": long, "57": "hex:05dc"}
    assert 17 not in why(rig.ask(parameters=[17], relay="10.77.0.9", options=options))


def test_a_nak_lacks_nothing(tmp_path: Path) -> None:
    found = Rig(tmp_path, POLICY).ask(type="reboot", address="10.1.1.1", relay="10.77.0.9")
    assert (found.reply, found.not_sent) == ("nak", [])


def test_the_link_of_a_relay_agent_that_is_in_no_subnet(tmp_path: Path) -> None:
    rig = Rig(tmp_path, POLICY)
    link = rig.ask(relay="10.99.0.1").link
    assert link is not None
    assert link.found_by == 'relay agent pe-7 (10.99.0.1): link = "10.77.0.0/22" of [relays] agents'
    link = rig.ask(relay="10.77.0.9").link
    assert link is not None
    assert link.found_by == "giaddr 10.77.0.9 lies in 10.77.0.0/22"
