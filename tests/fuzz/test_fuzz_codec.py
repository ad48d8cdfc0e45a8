"""The short form of the codec's fuzzing; `python -m tests.fuzz.fuzz_codec` runs the long one."""

from collections import Counter

from tests.fuzz.fuzz_codec import check, messages
from tests.unit.packets import BAD


def test_generated_messages_are_read_as_the_twin_reads_them() -> None:
    seen = Counter(check(data) for data in messages(seed=8, count=10_000))
    assert seen["read"] > 3_000
    assert {case.reason for case in BAD} <= set(seen), "each refusal is drawn at least once"


def test_the_same_seed_makes_the_same_messages() -> None:
    assert list(messages(3, 50)) == list(messages(3, 50)) != list(messages(4, 50))
