"""Samples become columns look by look; what was not read is empty, and nothing is asked where nothing can be told."""

import pytest

from harness.measure import sampler as module
from harness.measure.sampler import Sampler, Samples
from harness.record.columns import SAMPLES
from targets.contract import UnitUsage


def usage(unit, figure, **more):
    return UnitUsage(unit, **{"memory_bytes": figure, "own_memory_bytes": 2 * figure, "cpu_ns": 3 * figure, **more})


def rows(samples, begin_ns=0):
    table = samples.table(begin_ns)
    assert table.schema == SAMPLES
    table.validate(full=True)
    return [tuple(row.values()) for row in table.to_pylist()]


@pytest.mark.parametrize("batch", [1, 2, 3, 1000])
def test_every_look_is_kept_in_order_whatever_the_size_of_a_chunk(monkeypatch, batch):
    monkeypatch.setattr(module, "BATCH", batch)
    samples = Samples()
    samples.add(110, [usage("0001", 1), usage("0002", 2, throttled_ns=9)])
    samples.add(120, [])
    samples.add(130, [usage("0002", 3, memory_bytes=None), usage("0003", 0, own_memory_bytes=None, cpu_ns=None)])
    assert rows(samples, begin_ns=100) == [
        (10, "0001", 1, 2, 3, None),
        (10, "0002", 2, 4, 6, 9),
        (30, "0002", None, 6, 9, None),
        (30, "0003", 0, None, None, None),
    ]


def test_no_look_no_row():
    assert rows(Samples()) == []
    samples = Samples()
    samples.add(1, [])
    assert rows(samples) == []


def test_a_look_that_is_not_as_it_must_be_leaves_no_half_of_itself():
    samples = Samples()
    samples.add(1, [usage("0001", 1)])
    with pytest.raises(OverflowError):
        samples.add(2, [usage("0001", 2), usage("0002", 2**70)])
    samples.add(3, [usage("0001", 3)])
    assert [row[:3] for row in rows(samples)] == [(1, "0001", 1), (3, "0001", 3)]


def test_no_object_is_kept_of_a_sample():
    """What is held after many looks is chunks of columns, and not a thing for each sample."""
    samples = Samples()
    for at_ns in range(3):
        samples.add(at_ns, [usage(f"{unit:05d}", unit) for unit in range(module.BATCH)])
    table = samples.table(0)
    assert table.column("unit").num_chunks == 3
    bytes_per_sample = table.nbytes / table.num_rows
    assert bytes_per_sample < 60, "five columns of 8 bytes, one of 4, their marks, and each name once a chunk"


class Untouched:
    """A deployment that must not be asked."""

    def usage(self):
        raise AssertionError("usage is not polled here")


def test_where_usage_is_not_polled_nothing_is_asked():
    with Sampler(Untouched(), polled=False) as sampler:  # type: ignore[arg-type]
        pass
    assert sampler.problems == []
    assert sampler.table(0).num_rows == 0
