"""The size of the trace; what stands in it is tested with a worker (tests/process)."""

import pytest

from fastdhcp._layout import layout_sizes
from fastdhcp._trace import trace_entries

ENTRY, POLICY, HEADER, PAGE = 128, 64, 128, 4096
SIZES = [(1, 17), (2, 17), (8, 17), (9, 16), (16, 16), (17, 15), (32, 15), (33, 15), (128, 15)]


@pytest.mark.parametrize(("workers", "bits"), SIZES)
def test_each_worker_has_its_share_of_a_million_entries(workers: int, bits: int) -> None:
    assert trace_entries(workers) == 1 << bits
    size = workers * (HEADER + (ENTRY + POLICY) * (1 << bits))
    assert layout_sizes(workers, 64)["traces"] == -(-size // PAGE) * PAGE
