"""Scale-out of a service: one more replica while the others carry traffic, from asking for it to its first answer."""

import threading
from collections.abc import Callable

from harness.clock import now_ns, sleep
from harness.load.process import Arrival, Sent
from harness.load.senders import SenderFailed
from harness.measure.forced import Asker, failed_arrival
from targets.contract import Deployment, DeploymentError, StartFailed


def scale_out_under(
    send: Callable[[], Sent], deployment: Deployment, asker: Asker, count: int, first: int, seconds: float
) -> Sent:
    """Carry out the schedule with `send`, and meanwhile add `count` replicas, spread evenly over `seconds`.

    The replicas' rows come after those of the schedule, from index `first` on, each scheduled when its replica was
    asked for; one that did not start is a failed row, one that the machine refused a problem. The generator goes on
    sending to the first replicas: what a new one takes on later is no question here.
    """
    asker.make_ready(deployment.endpoints)  # what vouches for the first replicas vouches for those to come
    results: list[Sent] = []
    failures: list[BaseException] = []

    def send_schedule() -> None:
        try:
            results.append(send())
        except BaseException as error:  # raised again in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=send_schedule, name="schedule", daemon=True)
    begun_ns = now_ns()
    thread.start()
    arrivals: list[Arrival] = []
    problems: list[str] = []
    for index, moment_s in enumerate(moments_of_adding(count, seconds), first):
        sleep(max(0.0, (begun_ns - now_ns()) / 1e9 + moment_s))
        try:  # whatever happens, the schedule is under way and has to be waited for
            arrivals.append(_add_replica(deployment, asker, index))
        except (DeploymentError, SenderFailed) as error:
            problems.append(f"a replica could not be added: {error}")
    thread.join()
    if failures:
        raise failures[0]
    return results[0].join(Sent.of(results[0].begin_ns, arrivals, problems))


def moments_of_adding(count: int, seconds: float) -> list[float]:
    """When each of `count` replicas is asked for, in s since the schedule began."""
    return [seconds * (at + 1) / (count + 1) for at in range(count)]


def _add_replica(deployment: Deployment, asker: Asker, index: int) -> Arrival:
    """Add one replica and ask it once."""
    scheduled_ns = now_ns()
    try:
        endpoint = deployment.scale_out()
    except StartFailed as error:
        return failed_arrival(index, scheduled_ns, error)
    return asker.ask(endpoint, None, index, scheduled_ns)
