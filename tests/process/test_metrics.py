"""/metrics, read by Prometheus' own parser: names and labels of the contract, and what they say."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from fastdhcp._journal import ChangeKind
from fastdhcp._stats import Counter, drop_names
from fastdhcp.control.metrics import Exposition
from fastdhcp.kernel import kernel_drops
from tests.control_rig import POLICY, ControlRig, until

Families = dict[str, Metric]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[ControlRig]:
    made = ControlRig(tmp_path)
    try:
        yield made
    finally:
        made.stop()


def families(rig: ControlRig) -> Families:
    """By name without `fastdhcp_`; the parser takes `_total` off counters."""
    status, text = rig.http("/metrics")
    assert status == 200
    found = list(text_string_to_metric_families(text))
    assert all(family.name.startswith("fastdhcp_") for family in found)
    assert all(family.documentation for family in found)
    return {family.name.removeprefix("fastdhcp_"): family for family in found}


def value(found: Families, name: str, **labels: str) -> float:
    (sample,) = (
        sample
        for sample in found[name].samples
        if sample.labels == labels and not sample.name.endswith(("_bucket", "_created"))
    )
    return sample.value


def test_the_names_of_the_contract(rig: ControlRig) -> None:
    found = families(rig)
    kinds = {
        "packets_received": "counter", "packets_sent": "counter", "packets_dropped": "counter",
        "kernel_drops": "counter", "pool_addresses": "gauge", "commit_seconds": "histogram",
        "reply_seconds": "histogram", "journal_sequence": "gauge",
        "journal_checkpoint_sequence": "gauge", "reservations": "gauge",
        "policy_compile_seconds": "gauge",
    }  # fmt: skip
    assert {name: found[name].type for name in kinds} == kinds


def test_alarms_are_told_by_name_and_subject_and_drops_from_the_start_on(rig: ControlRig) -> None:
    drops = kernel_drops()
    alarm = {"text": "no address", "meaning": "m", "cure": "c", "since": 2.0}
    about = {"name": "pool-exhausted", "subject": "red 10.90.12.0/24"}
    rig.channel.send(
        {
            "type": "status", "pid": 70, "started": 1.0, "processes": [], "warnings": [],
            "interfaces": [], "receive_buffer": 1, "kernel_drops_before": drops - 5,
            "alarms": [{**alarm, **about}, {**alarm, "name": "store-slow", "subject": None}],
        }
    )  # fmt: skip
    found = until(lambda: families(rig), lambda found: bool(found["alarm"].samples))
    told = [(sample.labels, sample.value) for sample in found["alarm"].samples]
    assert told == [(about, 1), ({"name": "store-slow", "subject": ""}, 1)]
    assert value(found, "kernel_drops") == kernel_drops() - drops + 5


def test_packets_by_type_and_by_reason(rig: ControlRig) -> None:
    sent = Counter.COUNT_RECEIVED
    rig.worker.add(sent + 1, 7)
    rig.worker.add(sent + 31, 2)
    rig.worker.add(Counter.COUNT_SENT + 6, 4)
    rig.worker.add(Counter.COUNT_DROPPED + drop_names().index("no-subnet"), 5)
    found = families(rig)
    assert value(found, "packets_received", type="discover") == 7
    assert value(found, "packets_received", type="undecoded") == 2
    assert value(found, "packets_received", type="release") == 0
    assert value(found, "packets_sent", type="nak") == 4
    assert value(found, "packets_dropped", reason="no-subnet") == 5
    reasons = {sample.labels["reason"] for sample in found["packets_dropped"].samples}
    assert reasons == set(drop_names()[1:])


def test_histograms_add_up(rig: ControlRig) -> None:
    times = {"offer": (0, [3, 900]), "ack": (1, [70, 70, 2_000_000]), "inform": (3, [1])}
    for place, microseconds in times.values():
        histogram = Counter.COUNT_REPLY_TIME + 32 * place
        for us in microseconds:
            rig.worker.observe(histogram, Counter.COUNT_REPLY_SUM + place, us)
    found = families(rig)["reply_seconds"].samples
    for kind, (_, microseconds) in times.items():
        mine = [s for s in found if s.labels["type"] == kind]
        buckets = [(float(s.labels["le"]), s.value) for s in mine if s.name.endswith("_bucket")]
        assert len(buckets) == 32
        for bound, count in buckets:
            assert count == sum(us / 1e6 < bound for us in microseconds)
        (total,) = (s.value for s in mine if s.name.endswith("_sum"))
        assert total == pytest.approx(sum(microseconds) / 1e6)
        assert buckets[-1] == (float("inf"), len(microseconds))


def test_addresses_of_pools_sum_to_their_size(rig: ControlRig) -> None:
    rig.bind("10.78.0.10", 1, subnet_id=2)
    rig.bind("10.78.0.11", 2, subnet_id=2)
    rig.apply(ChangeKind.CHANGE_OFFER, "10.78.0.12", 3, offer_until=rig.worker.now() + 60)
    labels = {"vrf": "0", "subnet": "10.78.0.0/24", "pool": "10.78.0.10-10.78.0.19"}

    def states() -> dict[str, float]:
        samples = families(rig)["pool_addresses"].samples
        mine = (sample for sample in samples if labels.items() <= sample.labels.items())
        return {sample.labels["state"]: sample.value for sample in mine}

    found = until(states, lambda states: states["active"] == 2)
    assert found == {
        "free": 7, "offered": 1, "active": 2, "pending": 0, "grace": 0, "declined": 0,
    }  # fmt: skip


def test_the_journal_is_read_from_disk(rig: ControlRig) -> None:
    found = families(rig)
    assert value(found, "journal_sequence") == 3
    assert value(found, "journal_checkpoint_sequence") == 0


def test_changes_that_wait_for_the_disk_are_told_by_process(rig: ControlRig) -> None:
    rig.store.stop()
    rig.bind("10.77.1.1", 1)
    found = families(rig)
    assert value(found, "ring_pending_bytes", process="0") > 0
    assert value(found, "ring_pending_bytes", process="1") == 0


def test_reservations_in_force_are_counted_with_each_policy(rig: ControlRig) -> None:
    """With an address or without, of a subnet or of none."""
    assert value(families(rig), "reservations", origin="file") == 1
    more = "".join(
        f'[[reservations]]\nhw-address = "02:ee:00:00:01:{n:02x}"\nhostname = "h"\n'
        for n in range(3)
    )
    rig.set_policy(POLICY + more, 2)
    until(lambda: value(families(rig), "reservations", origin="file"), lambda count: count == 4)


def test_labels_are_escaped() -> None:
    page = Exposition()
    label = 'a "quoted" \\ name\nof two lines'
    page.family("x", "gauge", "Odd.", [({"name": label}, 1)])
    (family,) = text_string_to_metric_families(page.text())
    assert family.samples[0].labels == {"name": label}
