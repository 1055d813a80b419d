"""What a run may spend: counted while it goes on, carried over, and a hard stop."""

import threading
import time
from array import array

import pytest

from harness.errors import UsageError
from harness.measure.purse import BudgetSpent, Flight, Meter, Purse, lines_of
from harness.record.metered import MeteredLine
from targets.contract import Consumed

SKU = "lambda.request"
FAR_S = 30


class Counting:
    """A deployment that has consumed what it is told."""

    def __init__(self, quantity=0.0):
        self.quantity = quantity

    def consumed(self):
        return [Consumed(SKU, self.quantity, "function", "witnessed")]

    def bound(self, requests, in_flight_s):
        return [Consumed(SKU, requests, "function", "bound"), Consumed("gb", in_flight_s, "function", "bound")]

    def write_off(self, requests, in_flight_s):
        self.quantity += requests


def nowhere(record):
    """Keeps nothing."""


def usd(lines):
    return sum(line.quantity for line in lines if line.sku == SKU)


def test_what_costs_nothing_is_not_counted():
    purse = Purse(usd, 1.0)
    assert purse.open("echo", "docker-service", object()) is None
    with purse.flight(None, None) as flight:
        assert flight is None
    assert purse.record() is None and purse.spent_usd == 0


def test_each_deployment_is_counted_once_however_many_trials_it_serves_and_to_the_end():
    purse, one, other = Purse(usd, 100.0), Counting(2), Counting(3)
    meters = [purse.open("echo", "aws-lambda", one), purse.open("echo", "aws-lambda", one)]
    purse.open("echo", "aws-ecs", other)
    assert meters[0] is meters[1]
    one.quantity = 5
    record = purse.record()
    assert (record.budget_usd, record.spent_usd) == (100.0, 8)
    assert [(line.target, line.quantity) for line in record.lines] == [("aws-lambda", 5), ("aws-ecs", 3)]


def test_what_was_consumed_before_a_run_was_cut_off_counts():
    purse = Purse(usd, 10.0)
    purse.carry_on(lines_of("echo", "aws-lambda", [Consumed(SKU, 4, "function", "witnessed")]))
    purse.open("echo", "aws-lambda", Counting(2))
    assert purse.spent_usd == 6
    assert [line.quantity for line in purse.record().lines] == [4, 2]


def test_requests_under_way_are_taken_at_most_until_they_are_told(monkeypatch):
    now = [10**12]
    monkeypatch.setattr("harness.measure.purse.now_ns", lambda: now[0])
    flight = Flight(Meter("echo", "aws-lambda", Counting()), array("d", [0.0, 1.0, 2.0, 9.0]))
    now[0] += 3 * 10**9
    requests, held = flight.look()
    assert (requests.quantity, held.quantity) == (3, 9.0), "three have left; each may have held a unit all along"
    flight.advance(3)
    now[0] += 4 * 10**9
    requests, held = flight.look()
    assert (requests.quantity, held.quantity) == (3, 9.0), "none is under way"
    now[0] += 3 * 10**9
    requests, held = flight.look()
    assert (requests.quantity, held.quantity) == (4, 12.0)


def test_of_forced_starts_one_is_under_way_at_a_time(monkeypatch):
    now = [10**12]
    monkeypatch.setattr("harness.measure.purse.now_ns", lambda: now[0])
    flight = Flight(Meter("echo", "aws-lambda", Counting()), None)
    flight.advance(2)
    now[0] += 5 * 10**9
    requests, held = flight.look()
    assert (requests.quantity, held.quantity) == (3, 5.0)


def test_a_budget_that_is_spent_in_mid_trial_ends_it_as_ctrl_c_would():
    purse, deployment = Purse(usd, 10.0), Counting()
    meter = purse.open("echo", "aws-lambda", deployment)
    torn_down = []
    told = pytest.raises(BudgetSpent, match=r"budget_usd: 10 is spent \(10\.0000 by our own metering.*--budget-usd")
    with told, purse.watched(nowhere):
        try:
            with purse.flight(meter, array("d", [0.0] * 10)):
                wait(FAR_S)
        finally:
            torn_down.append(True)
    assert torn_down == [True] and purse.is_spent


def wait(seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.01)
    raise AssertionError("nobody ended it")


def test_somebody_elses_ctrl_c_is_no_spent_budget():
    with pytest.raises(KeyboardInterrupt), Purse(usd, 10.0).watched(nowhere):
        raise KeyboardInterrupt


@pytest.mark.parametrize("purse", [Purse(), Purse(usd), Purse(None, 1.0)])
def test_without_a_budget_or_prices_nobody_watches(purse):
    before = threading.active_count()
    with purse.watched(nowhere):
        assert threading.active_count() == before


def test_a_watch_ends_with_what_it_watches():
    before = threading.active_count()
    with Purse(usd, 1.0).watched(nowhere):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


@pytest.mark.parametrize("spent", [10.0, 11.0])
def test_nothing_more_begins_once_a_budget_is_spent(spent):
    purse = Purse(usd, 10.0)
    purse.open("echo", "aws-lambda", deployment := Counting(9.0))
    purse.check()
    deployment.quantity = spent
    with pytest.raises(BudgetSpent, match="budget_usd: 10 is spent"):
        purse.check()
    Purse(usd).check()


class Broken(Counting):
    def consumed(self):
        raise KeyError("no such unit")


def test_where_nobody_knows_what_is_spent_the_run_ends_with_that_word():
    purse = Purse(usd, 10.0)
    purse.open("echo", "aws-lambda", Broken())
    told = r"budget_usd: what is spent could not be counted \(KeyError: 'no such unit'\), so the run was ended"
    with pytest.raises(BudgetSpent, match=told), purse.watched(nowhere):
        wait(FAR_S)
    for again in (purse.check, purse.record, lambda: purse.keep(nowhere)):
        with pytest.raises(BudgetSpent, match=told):
            again()


def test_what_has_no_price_is_not_counted_and_ends_the_run():
    def unpriced(lines):
        raise UsageError(["lambda.request has no price"])

    purse = Purse(unpriced, 10.0)
    with pytest.raises(BudgetSpent, match=r"could not be counted .*request has no price"), purse.watched(nowhere):
        wait(FAR_S)


def test_while_a_run_goes_on_what_is_spent_is_kept_with_what_is_under_way(monkeypatch):
    monkeypatch.setattr("harness.measure.purse.LOOK_S", 0.01)
    kept, purse = [], Purse(usd, 10.0)
    meter = purse.open("echo", "aws-lambda", Counting(2.0))
    come = threading.Event()

    def write(record):
        kept.append(record)
        come.set()

    with purse.watched(write), purse.flight(meter, array("d", [0.0] * 3)):
        assert come.wait(FAR_S)
    assert kept[0].spent_usd == 2 + 3


def test_what_nobody_told_is_kept_as_such():
    (line,) = lines_of("echo", "aws-lambda", [Consumed(SKU, 4, "function", "bound")])
    assert line == MeteredLine(workload="echo", target="aws-lambda", sku=SKU, quantity=4, source="bound", of="function")


def test_what_was_under_way_when_it_was_ended_is_written_off(monkeypatch):
    now = [10**12]
    monkeypatch.setattr("harness.measure.purse.now_ns", lambda: now[0])
    written = []
    deployment = Counting()
    deployment.write_off = lambda requests, in_flight_s: written.append((requests, in_flight_s))
    flight = Flight(Meter("echo", "aws-lambda", deployment), array("d", [0.0, 1.0, 2.0, 9.0]))
    flight.advance(1)
    now[0] += 3 * 10**9
    flight.break_off()
    assert written == [(1, 6.0), (2, None)], "the one that ended within what all held; the others as long as they may"
