"""RFC 2131's decisions, section by section, upon a real table: what is answered, what changes."""

import pytest

from fastdhcp import _store
from fastdhcp._leases import BindingState, StoreState
from tests.segments import make_memory, records_of
from tests.world import World

POOL = """
[defaults]
lease-time = 3600
lease-time-min = 300
lease-time-max = 7200
{defaults}
[[subnets]]
subnet = "10.77.0.0/22"
interface = "srv0"
pools = ["10.77.1.1-10.77.1.20"]
{subnet}
"""


def text(defaults: str = "", subnet: str = "") -> str:
    return POOL.format(defaults=defaults, subnet=subnet)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, text("authoritative = true"))


@pytest.fixture
def modest(tmp_path):
    """Not authoritative: it must not NAK strangers."""
    return World(tmp_path, text())


# ---- 4.3.1 DISCOVER

def test_4_3_1_an_offer_is_held_and_repeated(world):
    first = world.discover(1)
    assert first.text == "OFFER 10.77.1.1"
    assert world.discover(1).text == first.text
    assert world.discover(2).text == "OFFER 10.77.1.2"


def test_4_3_1_the_clients_current_address_comes_first(world):
    address = world.bind(1)
    world.bind(2)
    assert world.discover(1, asks="10.77.1.9").text == f"OFFER {address}"


def test_4_3_1_the_clients_previous_address_comes_next(world):
    address = world.bind(1)
    world.bind(2)
    world.release(address, 1)
    assert world.discover(3).text == "OFFER 10.77.1.3"
    assert world.discover(1, asks="10.77.1.9").text == f"OFFER {address}"


def test_4_3_1_then_the_one_it_asks_for_if_it_is_free(world):
    assert world.discover(1, asks="10.77.1.9").text == "OFFER 10.77.1.9"
    assert world.discover(2, asks="10.77.1.9").text == "OFFER 10.77.1.1"


@pytest.mark.parametrize("asks", ["10.77.3.200", "10.78.0.9", "0.0.0.0", "255.255.255.255",
                                  "10.77.0.1", "10.77.0.0"])
def test_4_3_1_never_one_that_is_in_no_pool(world, asks):
    assert world.discover(1, asks=asks).text == "OFFER 10.77.1.1"


def test_allocation_goes_round_so_that_what_was_freed_last_comes_last(world):
    address = world.bind(1)
    world.release(address, 1)
    given = [world.discover(mac).address for mac in range(2, 22)]
    assert len(set(given)) == 20
    assert given[-1] == address
    assert world.discover(30).text == "silence: pool-exhausted"


def test_an_offer_lapses_after_offer_hold(world):
    given = [world.discover(mac).address for mac in range(1, 21)]
    world.set_now(world.now + 61)
    _store.sweep(world.memory, 0, 1000)
    again = [world.discover(mac).address for mac in range(101, 121)]
    assert sorted(given) == sorted(again)


def test_offer_hold_0_keeps_no_offer(tmp_path):
    world = World(tmp_path, text("offer-hold = 0"))
    address = world.discover(1).address
    assert not world.memory.bit(0, 0x0A4D0101)
    assert world.select(address, 1).text == f"ACK {address}"


MOVED = """
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:01"
address = "10.77.0.50"
"""


@pytest.mark.parametrize("hold", ["offer-hold = 0", "offer-hold = 60"])
def test_4_3_2_who_is_moved_to_a_reservation_has_it_by_its_first_request(tmp_path, hold):
    """Without an offer in the record, too: it holds another address, which it gives up so."""
    world = World(tmp_path, text(hold))
    held = world.bind(1)
    world.settle()
    world.configure(text(hold) + MOVED)
    assert world.renew(held, 1).text == "NAK"
    assert world.discover(1).text == "OFFER 10.77.0.50"
    assert world.select("10.77.0.50", 1).text == "ACK 10.77.0.50"
    assert world.state(held) == BindingState.PENDING


def test_4_3_2_who_may_not_have_its_address_any_more_has_the_next_by_its_first_request(tmp_path):
    world = World(tmp_path, text("offer-hold = 0"))
    held = world.bind(1)
    world.settle()
    world.configure(text("offer-hold = 0") + MOVED.replace("00:01", "00:07").replace(
        "10.77.0.50", held))
    moved = world.discover(1).address
    assert moved not in ("", held)
    assert world.select(moved, 1).text == f"ACK {moved}"
    assert world.state(held) == BindingState.PENDING


# ---- 4.3.1 lease times

@pytest.mark.parametrize(("asked", "told"), [(None, 3600), (60, 300), (5000, 5000), (7201, 7200),
                                             (0xFFFFFFFE, 7200), (0xFFFFFFFF, 7200), (0, 300)])
def test_4_3_1_what_is_asked_for_is_kept_between_the_limits(world, asked, told):
    options = {} if asked is None else {51: asked.to_bytes(4, "big")}
    assert world.discover(1, options=options).lease_s == told
    answer = world.select("10.77.1.1", 1, options=options)
    assert (answer.lease_s, answer.expiry) == (told, world.now + told + 2)


# ---- 4.3.2 REQUEST: SELECTING

def test_4_3_2_selecting_binds_what_was_offered_and_waits_for_the_disk(world):
    address = world.discover(1).address
    answer = world.select(address, 1)
    assert (answer.text, answer.waits) == (f"ACK {address}", True)
    assert world.state(address) == BindingState.ACTIVE


def test_4_3_2_a_repeated_request_is_answered_again_and_waits_too(world):
    address = world.bind(1)
    incarnation = world.select(address, 1).incarnation
    for _ in range(3):
        again = world.select(address, 1)
        assert (again.text, again.waits, again.incarnation) == (f"ACK {address}", True,
                                                                incarnation)


def test_4_3_2_selecting_another_servers_offer_takes_ours_back(world):
    address = world.discover(1).address
    assert world.select(address, 1, server="10.77.0.99").text == "silence: other-server"
    assert not world.memory.bit(0, 0x0A4D0101)


def test_4_3_2_selecting_another_server_ends_no_lease(world):
    address = world.bind(1)
    assert world.select(address, 1, server="10.77.0.99").text == "silence: other-server"
    assert world.state(address) == BindingState.ACTIVE


def test_4_3_2_selecting_an_offer_that_a_restart_forgot(world):
    assert world.select("10.77.1.7", 1).text == "ACK 10.77.1.7"


def test_4_3_2_selecting_a_forgotten_offer_is_granted_by_the_modest_too(modest):
    assert modest.select("10.77.1.7", 1).text == "ACK 10.77.1.7"


@pytest.mark.parametrize("address", ["10.77.3.200", "10.78.1.1", "10.77.0.1"])
def test_4_3_2_selecting_what_we_do_not_give_is_denied(modest, address):
    assert modest.select(address, 1).text == "NAK"


def test_4_3_2_selecting_what_is_anothers_is_denied(world):
    address = world.bind(1)
    offered = world.discover(2).address
    assert world.select(address, 3).text == "NAK"
    assert world.select(offered, 3).text == "NAK"


def test_4_3_2_selecting_a_second_address_while_one_is_held_is_denied(world):
    world.bind(1)
    assert world.select("10.77.1.9", 1).text == "NAK"


# ---- 4.3.2 REQUEST: INIT-REBOOT, RENEWING, REBINDING

SAYS = ["reboot", "renew", "rebind"]


@pytest.mark.parametrize("says", SAYS)
def test_4_3_2_the_holder_is_acknowledged(modest, says):
    address = modest.bind(1)
    modest.set_now(modest.now + 1800)
    answer = getattr(modest, says)(address, 1)
    assert (answer.text, answer.waits) == (f"ACK {address}", True)
    assert answer.expiry == modest.now + 3602


@pytest.mark.parametrize("says", SAYS)
@pytest.mark.parametrize(
    ("authoritative", "verdict"),
    [(True, "ACK 10.77.1.9"), (False, "silence: not-authoritative")],
)
def test_4_3_2_a_stranger_with_a_free_address(tmp_path, says, authoritative, verdict):
    world = World(tmp_path, text("authoritative = true" if authoritative else ""))
    assert getattr(world, says)("10.77.1.9", 1).text == verdict


@pytest.mark.parametrize("says", SAYS)
@pytest.mark.parametrize("authoritative", [True, False])
def test_4_3_2_a_stranger_with_anothers_address(tmp_path, says, authoritative):
    world = World(tmp_path, text("authoritative = true" if authoritative else ""))
    address = world.bind(1)
    wanted = "NAK" if authoritative else "silence: not-authoritative"
    assert getattr(world, says)(address, 2).text == wanted


@pytest.mark.parametrize("says", SAYS)
def test_4_3_2_whom_we_know_here_is_denied_a_wrong_address_even_by_the_modest(modest, says):
    modest.bind(1)
    assert getattr(modest, says)("10.77.1.9", 1).text == "NAK"


def test_4_3_2_an_address_of_another_link(world, modest):
    assert world.reboot("192.0.2.5", 1).text == "NAK"
    assert modest.reboot("192.0.2.5", 1).text == "silence: not-authoritative"


def test_4_3_2_a_renewal_of_an_address_that_no_subnet_serves_is_left_to_others(world):
    assert world.renew("192.0.2.5", 1).text == "silence: no-subnet"


def test_4_3_2_an_expired_lease_is_renewed_while_the_address_is_its_own(world):
    address = world.bind(1)
    world.set_now(world.now + 3600 + 60)
    assert world.renew(address, 1).text == f"ACK {address}"


@pytest.mark.parametrize("says", SAYS)
def test_i10_a_pool_that_was_removed_denies_at_renewal_and_holds_the_address(world, says):
    address = world.bind(1)
    world.configure(text("authoritative = true").replace("10.77.1.1-10.77.1.20",
                                                         "10.77.2.1-10.77.2.20"))
    assert getattr(world, says)(address, 1).text == "NAK"
    assert world.state(address) == BindingState.ACTIVE
    world.configure(text("authoritative = true"))
    assert world.select(address, 2).text == "NAK"
    assert world.renew(address, 1).text == f"ACK {address}"


def test_4_3_2_a_request_that_names_no_address(world):
    assert world.send(3, 1).text == "silence: unknown-client"


# ---- 4.3.3 DECLINE, 4.3.4 RELEASE

def test_4_3_3_a_declined_address_rests(world):
    address = world.bind(1)
    assert world.decline(address, 1).text == "silence: done"
    assert world.state(address) == BindingState.DECLINED
    assert world.discover(1).address != address
    assert world.memory.lease(0, 0x0A4D0101).expiry == world.now + 86400


def test_4_3_3_what_was_only_offered_can_be_declined_by_whom_it_was_offered_to(world):
    address = world.discover(1).address
    assert world.decline(address, 2).text == "silence: not-holder"
    assert world.decline(address, 1).text == "silence: done"
    assert world.state(address) == BindingState.DECLINED


def test_4_3_3_a_late_release_ends_no_quarantine(world):
    """The client said itself that somebody else uses the address."""
    address = world.bind(1)
    world.decline(address, 1)
    assert world.release(address, 1).text == "silence: not-holder"
    assert world.state(address) == BindingState.DECLINED


@pytest.mark.parametrize("says", ["decline", "release"])
def test_only_the_holder_is_heard(world, says):
    address = world.bind(1)
    assert getattr(world, says)(address, 2).text == "silence: not-holder"
    assert getattr(world, says)("10.77.1.15", 1).text == "silence: not-holder"
    assert getattr(world, says)(address, 1, server="10.77.0.99").text == "silence: other-server"
    assert world.state(address) == BindingState.ACTIVE


def test_4_3_4_a_release_frees_at_once_and_keeps_the_affinity(world):
    address = world.bind(1)
    assert world.release(address, 1).text == "silence: done"
    assert world.state(address) == BindingState.FREE
    assert world.discover(1).text == f"OFFER {address}"
    assert world.release(address, 1).text == "silence: not-holder"


def test_4_3_4_a_release_that_carries_option_50_is_one_all_the_same(world):
    """nispor/mozim 87: ciaddr names the lease."""
    address = world.bind(1)
    assert world.release(address, 1, options={50: b"\x0a\x4d\x01\x0f"}).text == "silence: done"
    assert world.state(address) == BindingState.FREE


# ---- 4.3.5 INFORM

def test_4_3_5_inform_gets_parameters_and_no_lease(world):
    answer = world.inform("10.77.3.9", 1)
    assert (answer.text, answer.lease_s, answer.waits) == ("ACK", 0, False)
    assert world.state("10.77.3.9") == BindingState.FREE


def test_4_3_5_inform_is_never_denied(world):
    assert world.inform("192.0.2.5", 1).text == "ACK"


def test_3_4_inform_is_answered_alike_whoever_has_the_address(world):
    address = world.bind(2)
    expiry = world.memory.lease(0, 0x0A4D0101).expiry
    world.set_now(world.now + 60)
    for mac in (1, 2):
        answer = world.inform(address, mac)
        assert (answer.text, answer.lease_s, answer.waits) == ("ACK", 0, False)
    lease = world.memory.lease(0, 0x0A4D0101)
    assert (lease.state, lease.expiry) == (BindingState.ACTIVE, expiry)


def test_3_4_the_address_of_an_inform_says_whose_options_it_gets(tmp_path):
    world = World(tmp_path, SHARED)
    told = {}
    for address in ("10.77.3.9", "10.90.0.200", "192.0.2.5"):
        assert world.inform(address, 1).text == "ACK"
        told[address] = world.out["subnet"]
    assert told == {"10.77.3.9": 0, "10.90.0.200": 1, "192.0.2.5": 0}


# ---- who is who

def test_option_61_of_length_0_or_1_names_nobody(world):
    """dhcpd #21253."""
    a = world.discover(1, options={61: b""}).address
    b = world.discover(2, options={61: b""}).address
    c = world.discover(2, options={61: b"\x01"}).address
    assert a != b == c


def test_2_the_client_identifier_names_the_client_whatever_its_hardware_is(world):
    one = world.discover(1, options={61: b"\x00abc"}).address
    assert world.select(one, 2, options={61: b"\x00abc"}).text == f"ACK {one}"
    assert world.select(one, 1).text == "NAK"


def test_one_client_on_two_links_holds_two_leases(tmp_path):
    """openwrt/odhcpd 201: a binding belongs to (network, client)."""
    config = text("authoritative = true") + '[[subnets]]\nsubnet = "10.88.0.0/24"\n' \
        'pools = ["10.88.0.10-10.88.0.20"]\n'
    world = World(tmp_path, config)
    here = world.bind(1)
    there = world.bind(1, giaddr="10.88.0.1", to="10.77.0.1")
    assert (here, there) == ("10.77.1.1", "10.88.0.10")
    assert world.renew(here, 1).text == f"ACK {here}"
    assert world.discover(1).text == f"OFFER {here}"
    assert world.discover(1, giaddr="10.88.0.1", to="10.77.0.1").text == f"OFFER {there}"


def test_a_link_that_no_subnet_serves_is_met_with_silence(world):
    assert world.discover(1, giaddr="192.0.2.1", to="10.77.0.1").text == "silence: no-subnet"
    assert world.discover(1, ifindex=9).text == "silence: no-subnet"


def test_a_client_that_says_nothing_of_itself(world):
    from fastdhcp._codec import encode
    from tests._trial import handle
    from tests.world import DROPS
    data = encode(xid=1, chaddr=b"", hlen=0, message_type=1)
    out = handle(world.memory, data, ifindex=3, local=0x0A4D0001, now=world.now)
    assert DROPS[out["reason"]] == "no-client-address"


@pytest.mark.parametrize(("kind", "reason"), [(2, "server-message"), (5, "server-message"),
                                              (6, "server-message"), (9, "server-message"),
                                              (13, "server-message"),
                                              (10, "not-served-type"), (None, "bootp-unknown")])
def test_what_is_not_for_a_server_or_not_served_yet(world, kind, reason):
    assert world.send(kind, 1).text == f"silence: {reason}"


# ---- shared networks

SHARED = """
[defaults]
lease-time = 3600
[[subnets]]
subnet = "10.77.0.0/22"
interface = "srv0"
shared-network = "lan"
pools = ["10.77.1.1-10.77.1.2"]
[[subnets]]
subnet = "10.90.0.0/24"
shared-network = "lan"
pools = ["10.90.0.10-10.90.0.11"]
"""


def test_a_shared_network_gives_of_all_its_subnets_and_keeps_one_lease_a_client(tmp_path):
    world = World(tmp_path, SHARED)
    given = [world.bind(mac) for mac in range(1, 5)]
    assert given == ["10.77.1.1", "10.77.1.2", "10.90.0.10", "10.90.0.11"]
    assert world.discover(5).text == "silence: pool-exhausted"
    assert world.discover(3).text == "OFFER 10.90.0.10"
    assert world.renew("10.90.0.10", 3).text == "ACK 10.90.0.10"


# ---- reservations

RESERVED = """
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:01"
address = "10.77.0.50"
[[subnets.reservations]]
client-id = "hex:00616263"
address = "10.77.1.5"
lease-time = "infinite"
"""


@pytest.fixture
def reserved(tmp_path):
    return World(tmp_path, text("authoritative = true", RESERVED))


def test_a_reservation_gives_its_address_inside_or_outside_the_pools(reserved):
    assert reserved.bind(1) == "10.77.0.50"
    assert reserved.discover(7, options={61: b"\x00abc"}).text == "OFFER 10.77.1.5"
    answer = reserved.select("10.77.1.5", 7, options={61: b"\x00abc"})
    assert (answer.lease_s, answer.expiry) == (0xFFFFFFFF, 0xFFFFFFFF)


def test_4361_6_3_a_reservation_by_hardware_is_found_though_option_61_comes(reserved):
    assert reserved.discover(1, options={61: b"\xff\0\0\0\1\0\1ab"}).text == "OFFER 10.77.0.50"
    assert reserved.discover(2, options={61: b"\xff\0\0\0\1\0\1ab"}).text == "OFFER 10.77.1.1"


def test_nobody_else_gets_a_reserved_address(reserved):
    given = {reserved.discover(mac).address for mac in range(10, 29)}
    assert len(given) == 19
    assert "10.77.1.5" not in given
    assert reserved.discover(50).text == "silence: pool-exhausted"
    assert reserved.select("10.77.1.5", 60).text == "NAK"
    assert reserved.reboot("10.77.0.50", 60).text == "NAK"


def test_a_reservation_takes_effect_though_the_client_holds_another_address(world):
    address = world.bind(1)
    world.configure(text("authoritative = true", RESERVED))
    assert world.renew(address, 1).text == "NAK"
    assert world.discover(1).text == "OFFER 10.77.0.50"
    assert world.select("10.77.0.50", 1).text == "ACK 10.77.0.50"
    assert world.state(address) == BindingState.PENDING


def test_i10_a_reserved_address_that_another_still_holds_is_not_taken_from_it(tmp_path):
    world = World(tmp_path, text("authoritative = true"))
    for mac in range(11, 16):
        world.bind(mac)
    world.configure(text("authoritative = true", RESERVED))
    assert world.state("10.77.1.5") == BindingState.ACTIVE
    answer = world.discover(7, options={61: b"\x00abc"})
    assert answer.text.startswith("OFFER")
    assert answer.address != "10.77.1.5"
    assert world.renew("10.77.1.5", 15).text == "NAK"


def test_the_boot_rom_and_the_system_that_it_loads_share_the_reserved_address(reserved):
    """Option 61 only in the second: the newer key replaces the older, the binding stays."""
    rom = reserved.select("10.77.0.50", 1)
    assert rom.text == "ACK 10.77.0.50"
    assert reserved.discover(1, options={61: b"\x01os"}).text == "OFFER 10.77.0.50"
    system = reserved.select("10.77.0.50", 1, options={61: b"\x01os"})
    assert (system.text, system.incarnation) == ("ACK 10.77.0.50", rom.incarnation)
    assert reserved.renew("10.77.0.50", 1, options={61: b"\x01os"}).text == "ACK 10.77.0.50"


def test_i1_a_reservation_that_moves_to_another_client_leaves_its_holder_the_address(reserved):
    """The record says "bound through a reservation", but through one that is no more."""
    assert reserved.bind(1) == "10.77.0.50"
    moved = RESERVED.replace("02:ee:00:00:00:01", "02:ee:00:00:00:02")
    reserved.configure(text("authoritative = true", moved))
    answer = reserved.discover(2)
    assert answer.text.startswith("OFFER 10.77.1.")
    assert reserved.select("10.77.0.50", 2).text == "NAK"
    assert reserved.renew("10.77.0.50", 1).text == "NAK"


@pytest.mark.parametrize(("identifier", "option"), [
    ('circuit-id = "eth0/7"', {82: b"\1\6eth0/7"}),
    ('client-id = "hex:0001"', {61: b"\0\1"}),
])
def test_i1_other_hardware_under_one_reservation_waits_for_the_hold(tmp_path, identifier, option):
    """Two boxes on one port: what the first was told stands until it has run out."""
    rule = f'[[subnets.reservations]]\n{identifier}\naddress = "10.77.0.50"\n'
    server = '[server]\nworkers = 2\nidentity = ["hw-address"]\n'
    world = World(tmp_path, server + text("", rule))
    assert world.bind(1, options=option) == "10.77.0.50"
    assert world.discover(2, options=option).text.startswith("OFFER 10.77.1.")
    assert world.renew("10.77.0.50", 1, options=option).text == "ACK 10.77.0.50"


def test_a_reservation_of_one_network_is_not_given_on_another(tmp_path):
    """openwrt/openwrt 20113."""
    config = text("", RESERVED) + '[[subnets]]\nsubnet = "10.88.0.0/24"\n' \
        'pools = ["10.88.0.10-10.88.0.20"]\n'
    world = World(tmp_path, config)
    assert world.discover(1, giaddr="10.88.0.1", to="10.77.0.1").text == "OFFER 10.88.0.10"


# ---- the store fails

def test_while_the_store_fails_only_what_is_on_disk_is_told(world):
    address = world.bind(1)
    other = world.bind(2)
    world.settle()
    world.select("10.77.1.9", 3)
    world.memory.store_state = StoreState.STORE_FAILING
    world.set_now(world.now + 600)
    answer = world.renew(address, 1)
    assert (answer.text, answer.lease_s) == (f"ACK {address}", 3002)
    assert world.renew("10.77.1.9", 3).text == "silence: store-unavailable"
    assert world.discover(9).text == "silence: store-unavailable"
    assert world.release(other, 2).text == "silence: store-unavailable"
    assert world.reboot("10.77.1.1", 9).text == "NAK"
    assert world.inform("10.77.3.9", 9).text == "ACK"
    world.set_now(world.now + 2950)
    assert world.renew(address, 1).text == "silence: store-unavailable"


# ---- and after a restart

def test_what_the_entries_say_is_what_the_table_says(world):
    for mac in range(1, 12):
        world.bind(mac, options={12: b"host", 61: b"\x01" + bytes([mac]) * 30})
    world.release("10.77.1.1", 1, options={61: b"\x01" + bytes([1]) * 30})
    world.decline("10.77.1.12", 12)
    again = make_memory(workers=2, blocks=256)
    _store.replay_batch(again, world.settle(), 1)
    assert records_of(again) == records_of(world.memory)
    assert len(records_of(again)) == 11
