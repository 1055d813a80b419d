"""The platform's own word where replies carry it: handed to the deployment, which alone can read it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from harness.load.process import Sent
from harness.load.wire import Fate
from harness.record.nouns import Witnesses
from targets.contract import Capabilities, Deployment, Metered, Reported

REFUSED = range(400, 500)
"""Statuses of requests that no unit was given: nothing is told of them, and nothing is billed."""


@contextmanager
def account_of(deployment: Deployment, sent: Sent, can: Capabilities) -> Iterator[None]:
    """From the end of a trial's requests to the end of its account: hear their replies, and count those of which no
    word can come. Where it is broken off, so are those of which none has come."""
    try:
        hear_replies(deployment, sent)
        if isinstance(deployment, Metered) and can.usage != "per_request":
            _write_off(deployment, sent.records[_was_sent(sent)])
        yield
    except BaseException:
        if isinstance(deployment, Metered) and can.usage == "per_request":
            heard = _heard(deployment, sent)
            _write_off(deployment, sent.records[_was_sent(sent) & ~np.isin(sent.records["index"], heard)])
        raise


def _heard(deployment: Deployment, sent: Sent) -> list[int]:
    """Those of which the platform has told by now; none of them where the replies are closed already."""
    told = {word.request_id for word in deployment.witnesses()}
    with suppress(ValueError):
        return [index for index, reply in sent.replies if reply.request_id in told]
    return []


def hear_replies(deployment: Deployment, sent: Sent) -> None:
    """Hand on what each reply that came from a unit carries; its replies can be read again."""
    if not isinstance(deployment, Reported):
        return
    statuses = dict(zip(sent.records["index"].tolist(), sent.records["status"].tolist(), strict=True))
    for index, reply in sent.replies:
        if statuses.get(index) not in REFUSED:
            deployment.hear(reply.request_id, reply.header)


def write_off_untold(deployment: Deployment, witnessed: Witnesses | None, can: Capabilities) -> None:
    """Those of which no word came by the end of the trial are counted at what they can have cost at most, where the
    platform tells of single requests at all."""
    untold = witnessed.expected - witnessed.came if witnessed else 0
    if untold and isinstance(deployment, Metered) and can.usage == "per_request":
        deployment.write_off(untold, None)


def write_off_lost(deployment: Deployment, sent: Sent, can: Capabilities) -> None:
    """The same of requests before a trial, of which no record is kept: those that had no reply, and all of them where
    the platform tells nothing of single requests."""
    if isinstance(deployment, Metered):
        is_told = (sent.records["fate"] == Fate.ANSWERED) & (can.usage == "per_request")
        _write_off(deployment, sent.records[_was_sent(sent) & ~is_told])


def _was_sent(sent: Sent) -> Any:
    return sent.records["sent_ns"] > 0


def _write_off(deployment: Metered, records: Any) -> None:
    """Those that were answered with the time that they were under way; whose end nobody saw may have gone on."""
    is_answered = records["fate"] == Fate.ANSWERED
    answered, lost = records[is_answered], int((~is_answered).sum())
    if len(answered):
        deployment.write_off(len(answered), float((answered["done_ns"] - answered["sent_ns"]).sum()) / 1e9)
    if lost:
        deployment.write_off(lost, None)
