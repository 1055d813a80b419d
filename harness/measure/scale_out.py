"""Scale-out of a service: one more replica while the others carry traffic, from asking for it to its first answer."""

import threading
from collections.abc import Callable

from harness.clock import now_ns, sleep
from harness.load.process import LoadResult
from harness.load.wire import Fate
from harness.measure.evidence import Stamps
from harness.measure.forced import Question
from harness.measure.rows import Exchange, exchanges_of
from targets.contract import Deployment, DeploymentError


def scale_out_under(
    send: Callable[[], LoadResult], deployment: Deployment, question: Question, count: int, first: int, seconds: float
) -> tuple[list[Exchange], LoadResult]:
    """Carry out the schedule with `send`, and meanwhile add `count` replicas, spread evenly over `seconds`.

    The replicas' rows come after those of the schedule, from index `first` on, each scheduled when its replica was
    asked for; one that could not be started is a failed row. The generator goes on sending to the first replicas: what
    a new one takes on later is no question here.
    """
    results: list[LoadResult] = []
    failures: list[BaseException] = []

    def carry() -> None:
        try:
            results.append(send())
        except BaseException as error:  # raised again in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=carry, name="schedule", daemon=True)
    begun_ns = now_ns()
    thread.start()
    added: list[Exchange] = []
    for at in range(count):
        due_ns = begun_ns + int(seconds * 1e9 * (at + 1) / (count + 1))
        sleep(max(0.0, (due_ns - now_ns()) / 1e9))
        added.append(_added(deployment, question, first + at))
    thread.join()
    if failures:
        raise failures[0]
    return [*exchanges_of(results[0]), *added], results[0]


def _added(deployment: Deployment, question: Question, index: int) -> Exchange:
    """One more replica and its first answer. It never raises: the schedule is under way and has to be waited for."""
    scheduled_ns = now_ns()
    try:
        endpoint = deployment.scale_out()
    except DeploymentError as error:
        stamps = Stamps(scheduled_ns, None, None, None, now_ns())
        return Exchange(index, stamps, Fate.FAILED, error=str(error)[:200])
    return question.ask(endpoint, index, scheduled_ns)
