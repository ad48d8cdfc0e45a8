"""What is left unanswered when more comes than can be answered: by how long it waited, what it is,
and whose it is. Times are milliseconds."""

import pytest

from tests._trial_replies import Judge

DISCOVER, REQUEST, DECLINE, RELEASE, INFORM = 1, 3, 4, 7, 8
RELAY, OTHER = 0x0A000001, 0x0A000002
START = 1_800_000_000_000
SHARE = 16


class Worker:
    """One that reads packets at a time that moves on."""

    def __init__(self) -> None:
        self._judge = Judge()
        self.now = START

    def read(self, waited: int, kind: int = DISCOVER, giaddr: int = RELAY) -> str:
        ns = 1_000_000
        return self._judge.judge(self.now * ns, (self.now - waited) * ns, kind, giaddr)

    def fall_behind(self) -> None:
        """Nothing but late packets for a second."""
        for _ in range(11):
            assert self.read(150) == "none"
            self.now += 100

    def use_share(self, giaddr: int = RELAY) -> None:
        while self.read(150, giaddr=giaddr) == "none":
            pass


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def behind(worker: Worker) -> Worker:
    worker.fall_behind()
    worker.use_share()
    return worker


@pytest.mark.parametrize("kind", [DISCOVER, REQUEST, DECLINE, RELEASE, INFORM])
def test_rfc2131_4_1_what_its_client_has_sent_again_is_dropped(worker: Worker, kind: int) -> None:
    assert worker.read(2_999, kind) == "none"
    assert worker.read(3_000, kind) == "waited-too-long"


def test_a_storm_that_is_over_within_a_second_loses_nothing(worker: Worker) -> None:
    for waited in range(0, 1_000, 10):
        assert worker.read(waited) == "none"
        worker.now += 10


def test_one_packet_in_time_says_that_the_server_is_not_behind(worker: Worker) -> None:
    for n in range(100):
        assert worker.read(500 if n % 9 else 99) == "none"
        worker.now += 100


def test_behind_the_time_goes_to_requests_and_to_what_is_newer(behind: Worker) -> None:
    for kind in (DISCOVER, INFORM):
        assert behind.read(100, kind) == "overload"
        assert behind.read(99, kind) == "none"
    for kind in (REQUEST, DECLINE, RELEASE):
        assert behind.read(2_000, kind) == "none"


def test_it_is_behind_until_nothing_was_late_for_a_second(behind: Worker) -> None:
    behind.now += 990
    assert behind.read(10) == "none"
    assert behind.read(100, REQUEST) == "none"  # late: a second more
    behind.now += 990
    assert behind.read(10) == "none"
    behind.use_share()
    assert behind.read(100) == "overload"
    behind.now += 1_000
    assert behind.read(10) == "none"
    for _ in range(2 * SHARE):
        assert behind.read(100) == "none"


def test_a_relay_agent_has_its_share_whatever_another_sends(behind: Worker) -> None:
    served = [behind.read(150, giaddr=OTHER) for _ in range(2 * SHARE)]
    assert served == ["none"] * SHARE + ["overload"] * SHARE
    assert behind.read(150) == "overload"
    behind.now += 100
    assert [behind.read(150) for _ in range(2 * SHARE)].count("none") == SHARE


def test_one_that_floods_does_not_silence_another_for_long(behind: Worker) -> None:
    """Of 256 agents some have the place of the one that floods; not all the time."""
    others = range(0x0A003C00, 0x0A003D00)
    served = dict.fromkeys(others, 0)
    for _ in range(10):
        behind.now += 100
        behind.use_share(RELAY)
        for giaddr in others:
            served[giaddr] += behind.read(150, giaddr=giaddr) == "none"
    assert min(served.values()) >= 5


def test_a_clock_that_is_set_back_loses_nothing(behind: Worker) -> None:
    behind.now -= 10_000
    assert behind.read(-10_000) == "none"
    assert behind.read(0) == "none"


def test_after_a_clock_was_set_back_a_short_storm_loses_nothing(behind: Worker) -> None:
    """It was behind an hour ago, by the clock of then: that says nothing of now."""
    behind.now += 3_600_000
    assert behind.read(10) == "none"
    behind.fall_behind()
    behind.now -= 3_600_000
    assert behind.read(10) == "none"
    for _ in range(2 * SHARE):
        assert behind.read(150) == "none"


def test_what_has_no_stamp_is_served(behind: Worker) -> None:
    assert behind.read(behind.now) == "none"
