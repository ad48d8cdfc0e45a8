"""Headers of journal batches: what is written is read, older ones too, and no other."""

import pytest

from fastdhcp.store.batch import FIXED_SIZE, header_size, read_header, write_header
from fastdhcp.store.clock import Mark, Reading
from tests.batches import batch_of

BOOT_ID = "6f1c2a9e-8f0b-4a62-9b53-0e7a4f4f1d10"
RUN = 2**64 - 5


def written(heads, believed=True):
    batch = bytearray(header_size(len(heads))) + b"entries"
    mark = Mark(-5, Reading(BOOT_ID, 6, 1_800_000_000_000_000_001, believed))
    write_header(batch, 77, RUN, heads, mark)
    return batch, mark


@pytest.mark.parametrize("believed", [True, False])
@pytest.mark.parametrize("heads", [[0, 2**64 - 1], list(range(130))], ids=["few", "all"])
def test_header_2_says_run_heads_and_clocks(heads, believed):
    batch, mark = written(heads, believed)
    header = read_header(batch)
    assert batch[header.size :] == b"entries"
    assert (header.node_time_s, header.wall_ns) == (77, 1_800_000_000_000_000_001)
    assert (header.run, header.heads, header.mark) == (RUN, tuple(heads), mark)


def test_entries_stand_at_a_multiple_of_eight():
    assert {header_size(rings) % 8 for rings in range(131)} == {0}
    assert header_size(0) == FIXED_SIZE


def test_header_1_says_both_times():
    batch = batch_of(77, 1_800_000_000_000_000_001, b"entries")
    header = read_header(batch)
    assert batch[header.size :] == b"entries"
    assert (header.node_time_s, header.wall_ns) == (77, 1_800_000_000_000_000_001)
    assert (header.run, header.heads, header.mark) == (0, (), None)


@pytest.mark.parametrize(
    "batch",
    [
        b"",
        b"short",
        b"\3" + bytes(200),
        b"\2" + bytes(FIXED_SIZE - 2),
        written([1, 2])[0][: header_size(2) - 1],
        b"\2" + bytes(FIXED_SIZE - 5) + b"\xff" * 4,
    ],
    ids=["empty", "short", "of a later format", "fixed part cut", "heads cut", "too many rings"],
)
def test_what_begins_no_batch_is_damage(batch):
    with pytest.raises(ValueError, match="the journal is damaged"):
        read_header(batch)
