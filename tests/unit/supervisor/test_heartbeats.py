"""Who hangs and who was only paused, second by second."""

from fastdhcp.supervisor.heartbeats import LOOK_S, SILENCE_S, START_S, Heartbeats


class Bench:
    """Two workers under watch; ``step`` looks once, half a second later."""

    def __init__(self) -> None:
        self.hearts = Heartbeats()
        self.now_s = 100.0
        self.beats: dict[str, int] = {"a": 0, "b": 0}
        for who in self.beats:
            self.hearts.watch(who, 0, self.now_s)

    def step(self, *beating: str, seconds: float = LOOK_S) -> list[str]:
        self.now_s += seconds
        for who in beating:
            self.beats[who] += 1
        return self.hearts.look(self.beats, self.now_s)

    def steps(self, seconds: float, *beating: str) -> list[str]:
        return [who for _ in range(int(seconds / LOOK_S)) for who in self.step(*beating)]


def test_who_beats_lives() -> None:
    assert Bench().steps(60, "a", "b") == []


def test_who_stops_beating_is_found_after_three_seconds_and_a_second_look() -> None:
    bench = Bench()
    bench.step("a", "b")
    assert bench.steps(SILENCE_S, "a") == []
    assert bench.step("a") == ["b"]


def test_a_beat_between_the_two_looks_saves() -> None:
    bench = Bench()
    bench.step("a", "b")
    bench.steps(SILENCE_S, "a")
    assert bench.step("a", "b") == []
    assert bench.steps(SILENCE_S, "a") == []


def test_a_paused_machine_makes_nobody_look_dead() -> None:
    bench = Bench()
    bench.step("a", "b")
    assert bench.step(seconds=3600) == []
    assert bench.steps(SILENCE_S - LOOK_S) == []
    assert bench.step("a", "b") == []


def test_before_the_first_beat_there_is_more_time() -> None:
    bench = Bench()
    assert bench.steps(START_S) == []
    assert set(bench.step()) == {"a", "b"}


def test_an_excuse_begins_the_time_anew() -> None:
    bench = Bench()
    bench.step("a", "b")
    for _ in range(100):
        assert bench.step("a") == []
        bench.hearts.excuse("b", bench.now_s)
    assert bench.steps(SILENCE_S + LOOK_S, "a") == ["b"]


def test_who_is_forgotten_is_not_judged() -> None:
    bench = Bench()
    bench.step("a", "b")
    bench.hearts.forget("b")
    assert bench.steps(30, "a") == []
    assert bench.hearts.age("b", bench.now_s) == 0
