"""Carries an order out: sends the schedule, says what became of it."""

import json
import sys
from collections.abc import Iterator
from typing import Any

from rich.console import Console

from harness.commands.load.far import listening
from harness.commands.load.figures import make_ready
from harness.commands.load.order import Assignment, LoadOrder
from harness.commands.load.screen import lines_of
from harness.commands.load.summary import summarise
from harness.commands.proxies import proxy_variable
from harness.files.text import harmless
from harness.load.far.process import Listening
from harness.load.host_times import HostTimes
from harness.load.process import LoadProcess
from harness.load.route import is_loopback
from harness.load.senders.contract import origin
from harness.load.wire import LoadPlan
from harness.report.formats import ProgressFormat

INSECURE = "INSECURE: no certificate is verified: whoever answers is believed to be the one who was asked"


def load_url(
    order: LoadOrder, format: ProgressFormat, console: Console, listen: str = "", join_within_s: float = 0
) -> int:
    """Send the schedule and print what became of it; 1 when the generator did not keep up or no answer was good.
    `listen`: where workers of other machines are awaited; "" sends from this one."""
    assignment = order.check()
    awaited = listening(listen, join_within_s, "--listen", _say_aside) if listen else None
    if order.insecure and format == "text":
        _say(INSECURE, console)
    summary = _send(order, assignment, awaited)
    if format == "json":
        print(json.dumps(summary))
    else:
        for line in lines_of(summary):
            _say(line, console)
    return 1 if summary["problems"] or summary["failure"] else 0


def _send(order: LoadOrder, assignment: Assignment, awaited: Listening | None) -> dict[str, Any]:
    """frostline/load/1. Replies are kept only where their content is to be judged."""
    plan = LoadPlan(
        "",
        [assignment.endpoint],
        "",
        order.seconds,
        order.timeout_s,
        takes_many=False,
        keep_replies=bool(assignment.expectations.json),
    )
    make_ready()
    process = awaited.open(order.workers, {}) if awaited else LoadProcess(order.workers)
    try:
        process.muster()
        before = HostTimes.read()
        sent = process.carry_out(plan, assignment.offsets, [assignment.body], lambda ended: None)
    finally:
        process.close()
    try:
        summary = summarise(sent, order, before)
        return summary | {"notes": [*summary["notes"], *_notes(assignment)]}
    finally:
        sent.replies.close()


def _notes(assignment: Assignment) -> Iterator[str]:
    """What is not as others would do it."""
    host, _ = origin(assignment.endpoint)
    variable = proxy_variable(assignment.endpoint.url.partition(":")[0].lower(), host)
    if variable and not is_loopback(host):
        yield f"{variable} is set and was not used: {host} was asked without a proxy"


def _say_aside(line: str) -> None:
    """Where JSON is printed, too, nothing comes between."""
    print(f"frostline: {harmless(line)}", file=sys.stderr, flush=True)


def _say(line: str, console: Console) -> None:
    console.print(line, markup=False, soft_wrap=True)
