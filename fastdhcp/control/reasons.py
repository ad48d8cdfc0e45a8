"""Why a message is answered as it is, in words: of what the engine looked at, and what it said."""

from collections.abc import Callable, Mapping
from typing import Any

from fastdhcp import words
from fastdhcp._codec import decode
from fastdhcp._leases import BindingState
from fastdhcp._stats import drop_names
from fastdhcp.control.catalog import Catalog
from fastdhcp.control.guards import POOLS_MAX, who_is_let_in, why_kept_out

OFFER, ACK, NAK = 2, 5, 6
DISCOVER, REQUEST, DECLINE, RELEASE, INFORM = 1, 3, 4, 7, 8
Place = Mapping[str, Any]
"""An address that was looked at, as Explainer has it."""

SILENCE: Mapping[str, str] = {
    "too-short": "it is shorter than the fixed header of a message",
    "too-long": "it is longer than any message may be",
    "not-request": "its op is not BOOTREQUEST: it is a reply",
    "bad-hlen": "its hlen is over 16",
    "bad-cookie": "its options do not start with DHCP's magic cookie",
    "bad-options": "an option runs past the end of its area",
    "bad-message-type": "option 53 is not one octet, or no type there is",
    "bad-overload": "option 52 is not 1, 2 or 3",
    "bad-source": "its giaddr, ciaddr or source is no address that can be answered",
    "server-message": "it is a message that servers send",
    "no-client-address": "it has none of what `identity` names; by default, no option 61 or chaddr",
    "not-served-type": "messages of its type are not served",
    "no-subnet": "no subnet of the configuration holds the link that it came from; add one, or "
    "look whether the giaddr or the interface is the right one",
    "vrf-unknown": "nothing says to which VRF it belongs: VRFs are configured, and neither its "
    "interface nor its relay agent nor the message names one of them",
    "relay-unknown": "its relay agent is not among [relays] agents, and only-known is set; add it",
    "relay-untrusted": "it came by an interface of untrusted-interfaces without a relay agent, and "
    "brings an option 82 of its own making",
    "class-drop": "it is of a class that says drop = true",
    "other-vrf": "it renews past its relay agent, so that nothing names a VRF, and its lease is in "
    "another VRF than the interface's; it rebinds through the relay agent",
    "class-not-allowed": "no pool of the link is for any of its classes",
    "bootp-unknown": "it is a BOOTP client's, and bootp is not true where its address would be",
    "no-server-address": "the interface that it came by has no address to answer from; give it one",
    "other-server": "it is meant for another server",
    "not-authoritative": "the address is nothing that this server knows of, and it does not speak "
    "for the link; set authoritative = true if it is the server of that link",
    "unknown-client": "it asks for no address",
    "not-holder": "the client does not hold the address that it names",
    "pool-exhausted": "no pool that it may use has a free address; add pools, let it use others "
    "(allow, deny), or shorten lease times",
    "ring-full": "the store is behind; see `fastdhcp status`",
    "held-full": "too many replies wait for the store; see `fastdhcp status`",
    "lock-timeout": "a record stays locked: its holder died and is being repaired; ask again",
    "moved": "a record moved under four decisions; ask again",
    "table-full": "the lease table has no room for another block; raise max-addresses",
    "store-unavailable": "the store cannot commit; see the alarms of `fastdhcp status`",
    "reply-too-long": "the reply does not fit what its relay agent or the link accepts",
    "held-stale": "its lease ended or moved before it was on disk",
    "held-aged": "the store kept the reply for more than 8 s",
    "send-failed": "the kernel refused to send it",
    "waited-too-long": "it waited for more than 3 s before it was read: its client has asked again",
    "overload": "the server was behind for more than a second, and this one had waited for more "
    "than 100 ms; requests and newer ones went first",
    "worker-died": "the worker that had read it died before it had answered",
}
"""Of each reason, what of this message or of the server is the matter."""

_CLAIMED = {
    "held": "the client holds {0}",
    "offered": "{0} is offered to the client already",
    "had": "the client had {0} before, and nobody has it now",
}


def why(message_type: int, found: Mapping[str, Any], catalog: Catalog) -> str:
    """Sentences, without the last full stop, about what Explainer found."""
    if not found["reply_type"]:
        return _why_silent(message_type, found, catalog)
    if found["reply_type"] == NAK:
        return _why_refused(found, catalog)
    if message_type == INFORM:
        return "it asks for options alone: its address was set by hand"
    if not found["yiaddr"]:
        return _why_without_address(found)
    return "; ".join([*_passed_over(found), _why_given(message_type, found)])


def place_text(place: Place) -> str:
    """Who has an address now: `is leased to 02:... for 3,590 s more`."""
    state = place["state"]
    whose = words.hardware_text(place["chaddr"]) or "a client without hardware address"
    left = "without end" if place["left_s"] is None else f"for {place['left_s']:,} s more"
    if state == BindingState.DECLINED:
        return f"was declined by a client that found it in use; it is kept from all {left}"
    if state in (BindingState.ACTIVE, BindingState.PENDING):
        if place["left_s"] == 0:
            return f"was leased to {whose}, and is held for it a little longer (reuse-grace)"
        return f"is leased to {whose} {left}"
    return "is offered to another client" if place["offered"] else "is free"


# ---- given


def _why_given(message_type: int, found: Mapping[str, Any]) -> str:
    address = words.address_text(found["yiaddr"])
    asked, mine, reserved = found["asked"], found["mine"], found["reserved"]
    if _is(reserved, found):
        return f"a reservation keeps {address} for the client"
    if message_type == REQUEST and _is(asked, found):
        if asked["claim"] in ("held", "offered"):
            return _CLAIMED[asked["claim"]].format(address)
        return f"{address} is free, and the client holds no other address here"
    if _is(mine, found) and mine["claim"] in _CLAIMED:
        return _CLAIMED[mine["claim"]].format(address)
    if _is(asked, found):
        return f"the client asks for {address}, which is free"
    return f"{address} is the next free address; another client may get it first"


def _is(place: Place | None, found: Mapping[str, Any]) -> bool:
    return place is not None and place["address"] == found["yiaddr"]


def _passed_over(found: Mapping[str, Any]) -> list[str]:
    """What would have been nearer than the address that is given."""
    reserved = found["reserved"]
    if reserved is None or _is(reserved, found):
        return []
    address = words.address_text(reserved["address"])
    return [f"a reservation keeps {address} for the client, but it {place_text(reserved)}"]


# ---- an OFFER without an address

_WITHOUT = {
    108: "the client can do without an address: it asks for option 108, which says that IPv6 is "
    "enough here (RFC 8925 3.3)",
    116: "no address is free for it, and option 116 says that it must not make up one (RFC 2563)",
}


def _why_without_address(found: Mapping[str, Any]) -> str:
    told = decode(found["reply"]).options
    return next(text for code, text in _WITHOUT.items() if code in told)


# ---- refused


def _why_refused(found: Mapping[str, Any], catalog: Catalog) -> str:
    asked = found["asked"]
    address = words.address_text(found["asked_address"])
    if asked is None:
        return f"{address} is not an address of this link"
    reserved, mine = found["reserved"], found["mine"]
    if not asked["allowed"]:
        return f"the client may not have {address}: {_why_not_allowed(found, asked, catalog)}"
    if asked["claim"] == "ended":
        return f"its lease of {address} was ended by an operator: it may not be renewed"
    if reserved is not None and reserved["address"] != asked["address"]:
        return f"a reservation keeps {words.address_text(reserved['address'])} for the client"
    if asked["claim"] == "none" and (asked["state"] != BindingState.FREE or asked["offered"]):
        return f"{address} {place_text(asked)}"
    if mine is not None and mine["address"] != asked["address"]:
        return f"the client holds {words.address_text(mine['address'])} on this link"
    return f"{address} is not the client's, and this server speaks for the link"


def _why_not_allowed(found: Mapping[str, Any], asked: Place, catalog: Catalog) -> str:
    owner = found.get("asked_reservation")
    if owner is not None:
        return f"it is kept for {owner}"
    if asked["pool"] is None:
        return "it is in no pool"
    if not asked["gives"]:
        return "it is excluded from its pool (exclude), or the server's own"
    kept_out = why_kept_out(catalog.pools[asked["pool"]], found["classes"], catalog)
    return kept_out or "its pool does not give it"


# ---- silence


def _why_silent(message_type: int, found: Mapping[str, Any], catalog: Catalog) -> str:
    reason = drop_names()[found["reason"]]
    if found["reason"] == 0:
        address = words.address_text(found["asked_address"])
        done = {
            RELEASE: f"{address} would be given back; no reply is due",
            DECLINE: f"{address} would be kept from all clients for decline-time; no reply is due",
        }
        return done.get(message_type, "it would be carried out; no reply is due")
    said: str = SILENCE.get(reason, reason)
    if reason == "class-not-allowed":
        kept_out = who_is_let_in(found["scope"]["network"], found["classes"], catalog)
        said = "; ".join([said, *kept_out])
    if reason in _DETAILS:
        said = _DETAILS[reason](found, catalog) or said
    asked = found.get("asked")
    if reason == "not-holder" and asked is not None:
        said += f" ({words.address_text(asked['address'])} {place_text(asked)})"
    return said


def _no_subnet(found: Mapping[str, Any], catalog: Catalog) -> str | None:
    by, number = found["link_by"]
    if by == "interface":
        return None
    where = f" of VRF {name}" if (name := catalog.vrfs.get(found["scope"]["vrf"])) else ""
    cure = "add one"
    if by == "giaddr":
        cure += ", or give the relay agent a `link` in [relays] agents"
    return f"no subnet{where} holds {by} {words.address_text(number)}; {cure}"


def _vrf_unknown(found: Mapping[str, Any], catalog: Catalog) -> str | None:
    """By option 82, sub-option 151 (RFC 6607 3.1); None: that names none."""
    vss = words.relay_sub_options(found["relay_info"]).get(_VSS, b"")
    if not vss:
        return None
    known = ", ".join(sorted(catalog.vrfs.values())) or "none"
    if vss[0] == _VSS_NAME:
        return f"option 82 names VRF {words.identifier_text(vss[1:])}; there are {known}"
    vpn = f"hex:{vss[1:].hex()}"
    return f'option 82 names VPN-ID {vpn}, that no VRF has (vpn-id = "{vpn}"); there are {known}'


def _not_authoritative(found: Mapping[str, Any], catalog: Catalog) -> str | None:
    address = words.address_text(found["asked_address"])
    asked = found.get("asked")
    taken = asked is not None and asked["state"] != BindingState.FREE
    now = f" (it {place_text(asked)})" if asked is not None and taken else ""
    return (
        f"the client has no lease of {address}{now}, and authoritative is false here, so that it "
        "is not refused; set authoritative = true if this server alone speaks for the link"
    )


def _exhausted(found: Mapping[str, Any], catalog: Catalog) -> str | None:
    """Names the pools of the link, and what keeps the client out of some."""
    network, classes = found["scope"]["network"], found["classes"]
    pools = [p for p in catalog.pools if catalog.subnets[p.place].network == network]
    if not pools:
        return "its link has no pool; add one, or reserve an address for it"
    names = ", ".join(f"{p.name} ({p.size:,})" for p in pools[:POOLS_MAX])
    more = f" and {len(pools) - POOLS_MAX:,} more" if len(pools) > POOLS_MAX else ""
    kept_out = who_is_let_in(network, classes, catalog)
    said = f"{SILENCE['pool-exhausted']}; pools of the link: {names}{more}"
    return "; ".join([said, *kept_out])


_VSS, _VSS_NAME = 151, 0
_DETAILS: Mapping[str, Callable[[Mapping[str, Any], Catalog], str | None]] = {
    "no-subnet": _no_subnet,
    "vrf-unknown": _vrf_unknown,
    "not-authoritative": _not_authoritative,
    "pool-exhausted": _exhausted,
}
"""What the message itself says of the matter; None: SILENCE has it."""
