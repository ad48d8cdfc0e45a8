"""The short form of the programs' fuzzing; `python -m tests.fuzz.fuzz_program` is the long one."""

from tests.fuzz.fuzz_program import fuzz


def test_drawn_expressions_say_what_the_twin_says_and_wild_programs_do_no_harm() -> None:
    seen = fuzz(seed=12, count=20_000)
    assert seen["true"] > 1_000 and seen["false"] > 1_000
    assert seen["wild"] > 5_000
    assert seen["refused"] < seen.total() / 2, "most expressions are right"


def test_the_same_seed_draws_the_same() -> None:
    assert fuzz(3, 400) == fuzz(3, 400)
