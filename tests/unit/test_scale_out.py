"""A replica that cannot be added is a row, and the schedule under way is always waited for."""

import threading

from harness.clock import sleep
from harness.load.process import Sent
from harness.load.wire import Fate
from harness.measure import scale_out
from harness.measure.forced import Asker
from harness.measure.scale_out import scale_out_under
from targets.contract import DeploymentError, StartFailed
from targets.workloads.echo import WORKLOAD

ASKER = Asker(list(WORKLOAD.payloads()), 1)


class Refusing:
    """A deployment that cannot be given a replica."""

    endpoints = ()

    def __init__(self, error):
        self.error = error

    def scale_out(self):
        raise self.error


def test_a_replica_that_cannot_be_started_is_a_failed_row_after_those_of_the_schedule(monkeypatch):
    ended = threading.Event()

    def send():
        sleep(0.3)
        ended.set()
        return Sent.of(0, [])

    sent = scale_out_under(send, Refusing(StartFailed("replica 0002 ended")), ASKER, 2, 7, 0.05)  # type: ignore[arg-type]
    assert ended.is_set(), "the load process is not left in the midst of a schedule"
    assert sent.records[["index", "fate"]].tolist() == [(7, Fate.FAILED), (8, Fate.FAILED)]
    assert all("replica 0002 ended" in error for error in sent.errors)
    assert scale_out.now_ns() > sent.records["scheduled_ns"][0] > 0


def test_a_replica_that_the_engine_refused_makes_the_trial_invalid_and_is_no_row():
    refusing = Refusing(DeploymentError("replica 0002: the engine refused"))
    sent = scale_out_under(lambda: Sent.of(0, []), refusing, ASKER, 2, 7, 0.05)  # type: ignore[arg-type]
    assert len(sent.records) == 0
    assert sent.problems == ["a replica could not be added: replica 0002: the engine refused"] * 2
