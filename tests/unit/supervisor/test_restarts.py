"""Deaths again and again are an alarm, however long each process lived."""

from fastdhcp.supervisor.restarts import DELAY_MAX_S, Restarts


def test_deaths_now_and_then_are_answered_at_once() -> None:
    restarts = Restarts()
    assert [restarts.delay_s("worker-0", 35, n * 40) for n in range(20)] == [0] * 20
    assert restarts.count("worker-0") == 20
    assert not restarts.again_and_again("worker-0")


def test_deaths_again_and_again_are_answered_ever_later_up_to_a_second_without_end() -> None:
    restarts = Restarts()
    delays = [restarts.delay_s("worker-0", 0, n) for n in range(100)]
    assert delays[:5] == [0, 0, 0.05, 0.1, 0.2]
    assert delays == sorted(delays)
    assert delays[-1] == DELAY_MAX_S
    assert restarts.again_and_again("worker-0")
    assert restarts.delay_s("worker-1", 0, 200) == 0
    assert restarts.delay_s("worker-0", 2, 200) == 0
    assert not restarts.again_and_again("worker-0")


def test_three_deaths_in_a_minute_are_an_alarm_though_each_lived_for_a_while() -> None:
    restarts = Restarts()
    for n, told in enumerate((False, False, True)):
        assert restarts.delay_s("worker-0", 1.7, 100.0 + 2 * n) == 0.0
        assert restarts.again_and_again("worker-0") is told
    assert restarts.recent("worker-0") == "3 times within 4 s"
