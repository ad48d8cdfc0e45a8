"""Epochs, times and the bound of what a client may be told."""

import pytest
from msgspec.structs import replace

from fastdhcp.link.durable import next_epoch
from fastdhcp.link.line import FOREVER_NS, NEVER_NS, OFF, bound_ns
from fastdhcp.link.settings import slack_ns
from tests.pair_rig import SETTINGS, S, admitting, interrupted, isolated, partner_down, recovering


@pytest.mark.parametrize("above", range(6))
def test_no_two_nodes_open_the_same_epoch(above: int) -> None:
    a, b = next_epoch("a", above), next_epoch("b", above)
    assert {a, b} == {above + 1, above + 2}
    assert (a % 2, b % 2) == (1, 0)


@pytest.mark.parametrize(
    ("line", "acked_ns", "bound"),
    [
        (replace(OFF, sole=True), 0, FOREVER_NS),
        (replace(OFF, fence_ns=NEVER_NS), 70, 70),
        (replace(OFF, fence_ns=NEVER_NS), 0, 0),
        (replace(OFF, fence_ns=FOREVER_NS), 0, 110),
        (replace(OFF, fence_ns=FOREVER_NS), 130, 130),
        (replace(OFF, fence_ns=95), 0, 105),
        (replace(OFF, fence_ns=95), 107, 107),
    ],
)
def test_what_a_client_may_be_told(line: object, acked_ns: int, bound: int) -> None:
    assert bound_ns(line, acked_ns, mclt_ns=10, now_ns=100) == bound  # type: ignore[arg-type]


def test_there_is_a_fence_from_the_first_contact_at_this_epoch_on() -> None:
    assert interrupted().node.line.fence_ns == FOREVER_NS
    assert isolated().node.line.fence_ns == NEVER_NS
    assert admitting().node.line.fence_ns == NEVER_NS
    assert recovering().node.line.fence_ns == NEVER_NS
    assert partner_down().node.line.sole


def test_slack_is_the_patience_and_what_clocks_may_differ_by() -> None:
    assert slack_ns(SETTINGS) == 64 * S + 86_400 * S // 1000
    assert slack_ns(replace(SETTINGS, reuse_grace_ns=100 * S)) == 100 * S + 86_400 * S // 1000
    assert slack_ns(SETTINGS, 2 * 86_400 * S) == 64 * S + 2 * 86_400 * S // 1000
