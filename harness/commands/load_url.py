"""`frostline load`: any HTTP or HTTPS endpoint, our schedules, our clock."""

import errno
import json
import math
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from rich.console import Console

from harness.analysis.stats import Floats, need_over_trials, percentile
from harness.errors import UsageError
from harness.experiment.profiles import profile, profile_names
from harness.files.problems import problems_in, quote
from harness.load.connection import NO_REPLY
from harness.load.process import LoadProcess, Records, Sent
from harness.load.route import addresses_of
from harness.load.senders import endpoint_problems
from harness.load.tls import NO_TLS, NOT_VERIFIED
from harness.load.wire import LoadPlan
from harness.measure import validity
from harness.measure.generator import lags_ns, validity_problems
from harness.measure.machine import HostTimes
from harness.measure.rows.judge import outcomes_of
from harness.record.nouns import Outcome
from harness.report.formats import ProgressFormat
from loadprofiles import LoadProfile
from targets.contract import Endpoint

LOAD_SCHEMA = "frostline/load/1"
PERCENTILES = (0.5, 0.95, 0.99)
SHOWN_ERRORS = 5
LONGEST_TIMEOUT_S = 86_400
ORDERED = ("url", "profile", "rate", "seconds", "seed", "workers", "insecure")
"""What of an order its summary repeats."""
OPTIONS = {"ca_file": "--ca-file", "insecure": "--insecure"}
"""By the endpoint's field."""
INSECURE = "INSECURE: no certificate is verified: whoever answers is believed to be the one who was asked"
SHOWN = (
    ("latency from scheduled", "latency_ms"),
    ("service time from sent", "service_ms"),
    ("first chunk from sent", "first_chunk_ms"),
    ("last chunk from sent", "last_chunk_ms"),
    ("connecting meanwhile", "connect_ms"),
    ("their TLS handshakes", "tls_ms"),
    ("generator lag", "lag_ms"),
)
FIXES = {
    os.strerror(errno.ECONNREFUSED): "start a server there, or correct the port in the URL",
    NOT_VERIFIED: "give its authority's certificate with --ca-file, or --insecure where it may be anyone",
    NO_TLS: "give http:// where the server speaks no TLS",
    "not HTTP/1.1": "give https:// where the server speaks TLS",
    NO_REPLY: "see whether the host can be reached, or raise --timeout-s",
}
"""By what stands in an error."""


@dataclass(frozen=True)
class LoadOrder:
    """What was asked for on the command line."""

    url: str
    profile: str
    rate: float
    seconds: float
    seed: int
    workers: int
    body: Path | None
    timeout_s: float

    insecure: bool = False
    ca_file: Path | None = None

    def endpoint(self) -> Endpoint:
        """Where and how its requests leave."""
        ca_file = "" if self.ca_file is None else str(self.ca_file)
        return Endpoint(self.url, "POST" if self.body else "GET", ca_file=ca_file, insecure=self.insecure)

    def check(self) -> LoadProfile:
        """The load profile. UsageError with everything that cannot be done as asked."""
        problems = self._endpoint_problems()
        if self.workers < 1 or self.workers > 16:
            problems.append(f"--workers: {self.workers} is not accepted: 1 to 16")
        if not 0 < self.timeout_s <= LONGEST_TIMEOUT_S:
            problems.append(f"--timeout-s: {self.timeout_s} is not accepted: above 0, at most {LONGEST_TIMEOUT_S}")
        if self.body is not None and not self.body.is_file():
            problems.append(f"--body: {self.body} is not a file: name one that holds the request's body")
        load = None
        if self.profile not in profile_names():
            problems.append(f"--profile: {self.profile!a} is not one of: {', '.join(profile_names())}")
        else:
            try:
                load = profile(self.profile).model_validate({"rate": self.rate, "seconds": self.seconds})
            except ValidationError as error:
                problems += [f"--{line}" for line in problems_in(error)]
        if problems or load is None:
            raise UsageError(problems)
        return load

    def _endpoint_problems(self) -> list[str]:
        endpoint = self.endpoint()
        if problems := endpoint_problems(endpoint):
            return [OPTIONS.get(field, field) + said for field, said in map(_at_colon, problems)]
        try:
            addresses_of(endpoint)
        except OSError as error:
            return [f"url: {quote(self.url)} is not accepted: its host has no address ({error}): correct its name"]
        return []


def load_url(order: LoadOrder, format: ProgressFormat, console: Console) -> int:
    """Send the schedule and print what became of it; 1 when the generator did not keep up or no answer was good."""
    load = order.check()
    body = order.body.read_bytes() if order.body else b""
    plan = LoadPlan("", [order.endpoint()], "", order.seconds, order.timeout_s, keep_replies=False)
    if order.insecure and format == "text":
        console.print(INSECURE, markup=False, soft_wrap=True)
    process = LoadProcess(order.workers)
    before = HostTimes.read()
    try:
        sent = process.carry_out(plan, load.arrivals(order.seed), [body], lambda ended: None)
    finally:
        process.close()
    summary = summarise(sent, order, before)
    if format == "json":
        print(json.dumps(summary))
    else:
        _print(summary, console)
    sent.replies.close()
    return 1 if summary["problems"] or summary["failure"] else 0


def summarise(sent: Sent, order: LoadOrder, before: HostTimes) -> dict[str, Any]:
    """frostline/load/1: counts, latency from the schedule over all arrivals (a failure is infinitely late), lag.

    Any status below 400 is a good answer. `before`: the machine's times when the process began.
    """
    records, now, worker = sent.records, HostTimes.read(), sent.workers[0]
    outcomes = outcomes_of(records, records["status"] < 400)
    good = outcomes == Outcome.OK
    pace = validity.pace(records["scheduled_ns"], records["started_ns"])
    counts = {outcome: int((outcomes == outcome).sum()) for outcome in Outcome}
    return {
        "schema": LOAD_SCHEMA,
        **{name: getattr(order, name) for name in ORDERED},
        "timer": worker["timer"],
        "priority": worker["priority"],
        "scheduled": len(records),
        "achieved_rate": None if pace is None else round(order.rate * pace, 4),
        "good": counts[Outcome.OK],
        "failed": counts[Outcome.FAILED] + counts[Outcome.THROTTLED],
        **{name.value: counts[name] for name in (Outcome.TIMED_OUT, Outcome.SHED, Outcome.UNFINISHED)},
        "latency_ms": _percentiles(np.where(good, records["done_ns"] - records["scheduled_ns"], np.inf) / 1e6),
        "service_ms": _percentiles((records["done_ns"] - records["sent_ns"])[good] / 1e6),
        "lag_ms": _percentiles(lags_ns(sent) / 1e6),
        "new_connections": int(records["fresh"].sum()),
        **_connections(sent),
        **_chunks(records, good),
        "cpu_share": [round(each["cpu_share"], 3) for each in sent.workers],
        "errors": dict(Counter(text for text in sent.errors if text).most_common(SHOWN_ERRORS)),
        "failure": None if good.any() or not len(good) else _failure(sent),
        "problems": validity_problems(sent, good, now.steal_share(before), now.was_throttled_since(before)),
    }


def _at_colon(problem: str) -> tuple[str, str]:
    field, colon, said = problem.partition(":")
    return field, colon + said


def _connections(sent: Sent) -> dict[str, Any]:
    """How long it took to open a connection: the first one, with nothing beside it, and those during the schedule."""
    records = sent.records
    first = [opened for worker in sent.workers for opened in worker["opened"] if opened is not None]
    figures: dict[str, Any] = {}
    for at, name in enumerate(("connect", "tls")):
        taken = records[f"{name}_ns"][records[f"{name}_ns"] > 0]
        if first and first[0][at]:
            figures[f"first_{name}_ms"] = round(first[0][at] / 1e6, 4)
        if len(taken):
            figures[f"{name}_ms"] = _percentiles(taken / 1e6)
    return figures


def _chunks(records: Records, good: NDArray[np.bool_]) -> dict[str, Any]:
    """Of replies that came in chunks: from sent to the first and to the last one, and how many there were."""
    chunked = records[good & (records["chunks"] > 0)]
    if not len(chunked):
        return {}
    return {
        "first_chunk_ms": _percentiles((chunked["first_chunk_ns"] - chunked["sent_ns"]) / 1e6),
        "last_chunk_ms": _percentiles((chunked["last_chunk_ns"] - chunked["sent_ns"]) / 1e6),
        "chunks": {
            "replies": len(chunked),
            "least": int(chunked["chunks"].min()),
            "most": int(chunked["chunks"].max()),
        },
    }


def _failure(sent: Sent) -> str:
    """Why nothing was answered well, by what came of most requests, and the fix."""
    statuses = (f"status {status}" for status in sent.records["status"].tolist() if status)
    ((text, count),) = Counter([*(text for text in sent.errors if text), *statuses]).most_common(1)
    fix = next((fix for sign, fix in FIXES.items() if sign in text), "see what the server says of it")
    return f"none of {len(sent.records)} requests had a good answer: {count} x {text}: {fix}"


def _percentiles(values: Floats) -> dict[str, float | None]:
    """p50, p95, p99 and the most, ms; None where a trial's percentile would be withheld: of too few, among failures."""
    figures = {f"p{round(p * 100)}": _percentile(values, p) for p in PERCENTILES}
    return figures | {"max": _finite(float(values.max())) if len(values) else None}


def _percentile(values: Floats, p: float) -> float | None:
    return _finite(percentile(values, p)) if len(values) >= need_over_trials(p).per_trial else None


def _finite(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _print(summary: dict[str, Any], console: Console) -> None:
    counts = ("scheduled", "good", "failed", "timed_out", "shed", "unfinished")
    lines = [", ".join(f"{summary[name]} {name.replace('_', ' ')}" for name in counts)]
    for title, name in SHOWN:
        if name in summary:
            figures = "  ".join(f"{p} {'-' if value is None else f'{value:.3f}'}" for p, value in summary[name].items())
            lines.append(f"{title + ' (ms)':<30} {figures}")
    if chunks := summary.get("chunks"):
        lines.append(f"{chunks['replies']} replies came in chunks, {chunks['least']} to {chunks['most']} each")
    if "first_connect_ms" in summary:
        tls = f", TLS {summary['first_tls_ms']:.3f} ms" if "first_tls_ms" in summary else ""
        lines.append(f"the first connection took {summary['first_connect_ms']:.3f} ms{tls}")
    lines.append(f"timer {summary['timer']}, priority {summary['priority']}, CPU {summary['cpu_share']} cores")
    lines += [f"{count} x {text}" for text, count in summary["errors"].items()]
    lines += [f"FAILED: {summary['failure']}"] if summary["failure"] else []
    lines += [f"INVALID: {problem}" for problem in summary["problems"]]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
