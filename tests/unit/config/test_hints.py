"""Places of the pools' hints: kept over a reload, apart from each other, free when unused."""

import pytest

from fastdhcp.config.hints import HintPlaces

A = (0, 0x0A000001, 0x0A0000FE)  # one block
B = (0, 0x0A000100, 0x0A00FFFF)  # 255 blocks
WIDE = (0, 0x0B000000, 0x0B0201FF)  # 514 blocks: 9 words of summary, so two lines
OTHER_VRF = (7, *A[1:])


def test_places_are_apart() -> None:
    places = HintPlaces(2, 1 << 20)
    at = places.take([A, B, WIDE, OTHER_VRF])
    assert dict(at) == {A: 0, B: 256, WIDE: 512, OTHER_VRF: 832}
    assert places.size_of(WIDE) == 64 + 2 * 64 + 2 * 64


def test_a_pool_keeps_its_place() -> None:
    places = HintPlaces(2, 1 << 20)
    before = dict(places.take([A, B]))
    after = places.take([B, WIDE, A])
    assert (after[A], after[B]) == (before[A], before[B])


def test_the_place_of_a_pool_that_is_gone_is_given_again_only_after_it_was_let_go() -> None:
    places = HintPlaces(2, 1 << 20)
    places.take([A, B])
    assert places.take([A, OTHER_VRF])[OTHER_VRF] == 512  # B's is still B's
    assert places.keep({A, OTHER_VRF}) == [(256, 256)]
    assert places.take([A, OTHER_VRF, B])[B] == 256


def test_what_does_not_fit_is_refused_in_words() -> None:
    places = HintPlaces(2, 600)
    with pytest.raises(OverflowError, match=r"raise server\.max-addresses"):
        places.take([A, B, WIDE])
