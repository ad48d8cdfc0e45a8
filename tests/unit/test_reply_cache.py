"""The cache of bodies: a hit costs one copy, and is never another client's, list's or policy's."""

from random import Random

from fastdhcp._codec import decode
from tests._trial_replies import ReplyMaker

from .test_reply import POLICY, compiled, make, request

RESERVED = "".join(
    f"""[[subnets.reservations]]
hw-address = "02:ee:00:00:01:{n:02x}"
address = "10.77.0.{n}"
hostname = "host-{n}"
"""
    for n in range(60, 160)
)
AT_FILE, AT_OPTIONS = 108, 236
SIZE_57 = (576).to_bytes(2, "big")


def test_the_same_body_twice_is_laid_once() -> None:
    maker = ReplyMaker(compiled())
    first = make(maker, request(options={55: b"\x01\x06"}))
    assert maker.misses == 1
    assert make(maker, request(options={55: b"\x01\x06"})) == first
    assert maker.misses == 1


def test_another_list_place_or_reservation_is_another_body() -> None:
    maker = ReplyMaker(compiled())
    asked = [
        ({}, {}),
        ({55: b"\x06"}, {}),
        ({55: b"\x06\x0f"}, {}),
        ({55: b"\x0f\x06"}, {}),
        ({55: b"\x06"}, {"pool": 1}),
        ({55: b"\x06"}, {"reservation": 0}),
    ]
    for misses, (options, where) in enumerate(asked, 1):
        make(maker, request(options=options), **where)
        assert maker.misses == misses


def test_clients_with_a_name_of_their_own_share_one_body() -> None:
    """RFC 2131 4.3.1: option 12 of each is its own, at its place in the client's order."""
    maker = ReplyMaker(compiled(POLICY + RESERVED))
    for n in range(100):
        message = make(maker, request(options={55: b"\x06\x0c\x0f"}), reservation=n + 1)
        options = decode(message).options
        assert options[12] == b"host-%d" % (n + 60)
        assert [code for code in options if code in (6, 12, 15)] == [6, 12, 15]
    assert maker.misses == 1


def test_a_name_that_is_not_asked_for_takes_no_room() -> None:
    maker = ReplyMaker(compiled(POLICY + RESERVED))
    assert 12 not in decode(make(maker, request(options={55: b"\x06"}), reservation=1)).options


def test_a_name_that_finds_no_room_beside_the_body_is_laid_with_it_and_never_kept() -> None:
    """RFC 2132 9.3: an option of its own goes to `file` as any other, and to nobody else."""
    text = POLICY.replace("[defaults.options]\n",
                          f'[defaults.options]\n"225" = "hex:{"ab" * 240}"\n')
    maker = ReplyMaker(compiled(text + RESERVED))
    asked = request(options={55: b"\xe1\x0c", 61: b"\1" * 30, 57: SIZE_57})
    for n in (1, 2, 1):
        message = make(maker, asked, reservation=n)
        assert decode(message).options[12] == b"host-%d" % (n + 59)
        assert decode(message).options[225] == b"\xab" * 240
        assert b"host-" in message[AT_FILE:AT_OPTIONS]
        assert len(message) <= 548
    assert maker.misses == 4, "the whole body once, and one for each reply"


def test_a_list_of_nothing_and_no_list_are_two_bodies() -> None:
    """A list that asks for nothing we have must not be answered as no list is: with everything."""
    maker = ReplyMaker(compiled())
    assert 6 in decode(make(maker, request())).options
    assert 6 not in decode(make(maker, request(options={55: b"\x00"}))).options
    assert maker.misses == 2


def test_the_room_spoils_no_hit_while_the_whole_body_fits() -> None:
    maker = ReplyMaker(compiled())
    for size in range(1, 100, 7):
        make(maker, request(options={55: b"\x06", 82: bytes((1, size)) + b"x" * size}))
        make(maker, request(options={55: b"\x06", 57: SIZE_57, 61: b"\1" * (size + 1)}))
    assert maker.misses == 1


def test_what_does_not_fit_is_kept_by_its_room() -> None:
    text = POLICY.replace("[defaults.options]\n",
                          f'[defaults.options]\n"225" = "hex:{"ab" * 240}"\n')
    maker = ReplyMaker(compiled(text))
    asked = request(options={55: b"\x06\xe1\x0f", 61: b"\1" * 30, 57: SIZE_57})
    first = make(maker, asked)
    assert maker.misses == 2
    assert make(maker, asked) == first
    assert maker.misses == 2


def test_a_new_policy_forgets_all() -> None:
    maker = ReplyMaker(compiled())
    asked = request(options={55: b"\x0f"})
    assert decode(make(maker, asked)).options[15] == b"campus.example"
    maker.set_image(compiled(POLICY.replace("campus.example", "moved.example"), generation=2))
    assert decode(make(maker, asked)).options[15] == b"moved.example"
    assert maker.misses == 2


def test_a_list_too_long_to_be_kept_is_served_all_the_same() -> None:
    maker = ReplyMaker(compiled())
    asked = request(options={55: bytes(range(100, 250)) + b"\x06"}, max_size=1500)
    for misses in (1, 2):
        assert decode(make(maker, asked)).options.keys() == {53, 54, 51, 58, 59, 108, 224, 6}
        assert maker.misses == misses


def test_whatever_is_thrown_out_a_body_is_always_the_one_asked_for() -> None:
    """More lists than places, in random order, against a fresh maker each."""
    image = compiled()
    maker = ReplyMaker(image)
    random = Random(7)
    lists = [bytes(random.choices(range(256), k=random.randrange(1, 40))) for _ in range(6000)]
    for number in range(12000):
        asked = request(options={55: random.choice(lists)})
        message = make(maker, asked)
        if number % 400 == 0:
            assert message == make(ReplyMaker(image), asked)
    assert maker.misses > 6000
