"""The platform's own word where replies carry it: handed to the deployment, which alone can read it."""

from harness.load.process import Sent
from harness.load.wire import Fate
from harness.record.nouns import Witnesses
from targets.contract import Deployment, Metered, Reported

REFUSED = range(400, 500)
"""Statuses of requests that no unit was given: nothing is told of them, and nothing is billed."""


def hear_replies(deployment: Deployment, sent: Sent) -> None:
    """Hand on what each reply that came from a unit carries; its replies can be read again."""
    if not isinstance(deployment, Reported):
        return
    statuses = dict(zip(sent.records["index"].tolist(), sent.records["status"].tolist(), strict=True))
    for index, reply in sent.replies:
        if statuses.get(index) not in REFUSED:
            deployment.hear(reply.request_id, reply.header)


def write_off_untold(deployment: Deployment, witnessed: Witnesses | None) -> None:
    """Those of which no word came by the end of the trial are counted at what they can have cost at most."""
    if isinstance(deployment, Metered) and witnessed is not None and witnessed.expected > witnessed.came:
        deployment.write_off(witnessed.expected - witnessed.came, 0.0)


def write_off_lost(deployment: Deployment, sent: Sent) -> None:
    """The same of requests before a trial, of which no record is kept: those that were sent and had no reply."""
    if isinstance(deployment, Metered):
        lost = int(((sent.records["sent_ns"] > 0) & (sent.records["fate"] != Fate.ANSWERED)).sum())
        if lost:
            deployment.write_off(lost, 0.0)
