"""Node time over restarts and reboots, a table of what may happen."""

import time

import pytest

from fastdhcp._memory import boot_time_ns
from fastdhcp.store.clock import Clock, Mark, Reading, settle_offset

S = 10**9
BOOT, LATER_BOOT = "boot-a", "boot-b"
WALL = 1_800_000_000 * S

# (name, the mark: offset, boot, boottime, wall, believed | None; now: boot, boottime, wall,
#  believed; node time wanted, in seconds)
CASES = [
    ("first start: node time begins", None, (BOOT, 500, 0, True), 0),
    ("first start, nothing believed", None, (BOOT, 500, 0, False), 0),
    ("same boot: the offset holds", (-400, BOOT, 500, 0, True), (BOOT, 560, 60, True), 160),
    ("same boot, wall clock set forward", (-400, BOOT, 500, 0, True), (BOOT, 560, 9000, True), 160),
    ("same boot, wall clock set back", (-400, BOOT, 500, 0, True), (BOOT, 560, -9000, True), 160),
    ("same boot, not believed", (-400, BOOT, 500, 0, False), (BOOT, 560, 60, False), 160),
    ("reboot, believed: downtime counts", (-400, BOOT, 500, 0, True), (LATER_BOOT, 20, 300, True),
     100 + 300),
    ("reboot, not believed at the mark", (-400, BOOT, 500, 0, False), (LATER_BOOT, 20, 300, True),
     100),
    ("reboot, not believed now", (-400, BOOT, 500, 0, True), (LATER_BOOT, 20, 300, False), 100),
    ("reboot, neither believed", (-400, BOOT, 500, 0, False), (LATER_BOOT, 20, 300, False), 100),
    ("reboot, wall clock went back", (-400, BOOT, 500, 0, True), (LATER_BOOT, 20, -1, True), 100),
    ("reboot, no time between", (-400, BOOT, 500, 0, True), (LATER_BOOT, 20, 0, True), 100),
    ("reboot after a day", (-400, BOOT, 500, 0, True), (LATER_BOOT, 20, 86400, True), 86500),
    ("longer up now than then", (-400, BOOT, 500, 0, True), (LATER_BOOT, 9000, 9100, True), 9200),
]  # fmt: skip


def reading(boot_id: str, boot_s: int, wall_s: int, believed: bool) -> Reading:
    return Reading(boot_id, boot_s * S, WALL + wall_s * S, believed)


@pytest.mark.parametrize(("mark", "now", "wanted_s"), [c[1:] for c in CASES],
                         ids=[c[0] for c in CASES])  # fmt: skip
def test_node_time_goes_on(mark, now, wanted_s):
    stored = mark and Mark(mark[0] * S, reading(*mark[1:]))
    current = reading(*now)
    assert current.boot_ns + settle_offset(stored, current) == wanted_s * S


@pytest.mark.parametrize(("mark", "now"), [(c[1], c[2]) for c in CASES if c[1]])
def test_node_time_never_goes_back(mark, now):
    stored = Mark(mark[0] * S, reading(*mark[1:]))
    current = reading(*now)
    then = stored.reading.boot_ns + stored.offset_ns
    assert current.boot_ns + settle_offset(stored, current) >= then


def test_a_mark_survives_the_disk():
    mark = Mark(-123, reading(BOOT, 5, 6, True))
    assert Mark.parse(mark.packed()) == mark


@pytest.mark.parametrize("value", [None, [], [1, 2, 3, 4, 5], [1, "b", 2, 3], {"offset": 1}])
def test_what_is_no_mark_is_refused(value):
    with pytest.raises(ValueError, match="no mark"):
        Mark.parse(value)


def test_always_believes_what_synchronized_may_not():
    assert Clock("always").read().believed
    clock = Clock("always")
    clock.trust("synchronized")
    unsure = clock.read()
    clock.trust("always")
    assert clock.read().believed
    assert unsure.boot_id == clock.read().boot_id


def test_a_reading_is_of_this_machine():
    before_ns, wall_ns = boot_time_ns(), time.time_ns()
    found = Clock().read()
    assert before_ns <= found.boot_ns <= boot_time_ns()
    assert wall_ns <= found.wall_ns <= time.time_ns()
    assert len(found.boot_id) == 36


def test_an_unknown_trust_is_refused():
    with pytest.raises(ValueError, match="trust-wall-clock"):
        Clock("sometimes")
