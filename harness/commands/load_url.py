"""`frostline load`: any HTTP endpoint, our schedules, our clock."""

import json
import math
import socket
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from pydantic import ValidationError
from rich.console import Console

import loadprofiles
from harness.analysis.stats import Floats, need_over_trials, percentile
from harness.errors import UsageError
from harness.files.problems import problems_in, quote
from harness.load.process import LoadProcess, Sent
from harness.load.wire import LoadPlan
from harness.measure import validity
from harness.measure.generator import lags_ns, validity_problems
from harness.measure.machine import HostTimes
from harness.measure.rows import outcomes_of
from harness.record.nouns import Outcome
from harness.report.formats import ProgressFormat
from loadprofiles import LoadProfile

LOAD_SCHEMA = "frostline/load/1"
PERCENTILES = (0.5, 0.95, 0.99)
SHOWN_ERRORS = 5
LONGEST_TIMEOUT_S = 86_400


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

    def endpoint(self) -> tuple[str, int, str]:
        """Host, port and path."""
        parts = urlsplit(self.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return parts.hostname or "", parts.port or 80, path

    def check(self) -> LoadProfile:
        """The load profile. UsageError with everything that cannot be done as asked."""
        problems = [*self._url_problems()]
        if self.workers < 1 or self.workers > 16:
            problems.append(f"--workers: {self.workers} is not accepted: 1 to 16")
        if not 0 < self.timeout_s <= LONGEST_TIMEOUT_S:
            problems.append(f"--timeout-s: {self.timeout_s} is not accepted: above 0, at most {LONGEST_TIMEOUT_S}")
        if self.body is not None and not self.body.is_file():
            problems.append(f"--body: {self.body} is not a file: name one that holds the request's body")
        load = None
        if self.profile not in loadprofiles.profile_names():
            problems.append(f"--profile: {self.profile!a} is not one of: {', '.join(loadprofiles.profile_names())}")
        else:
            try:
                load = loadprofiles.profile(self.profile).model_validate({"rate": self.rate, "seconds": self.seconds})
            except ValidationError as error:
                problems += [f"--{line}" for line in problems_in(error)]
        if problems or load is None:
            raise UsageError(problems)
        return load

    def _url_problems(self) -> list[str]:
        refusal = f"url: {quote(self.url)} is not accepted: "
        try:
            parts = urlsplit(self.url)
            good = parts.scheme == "http" and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            good = False
        written = self.url.isascii() and self.url.isprintable() and " " not in self.url
        if not (good and written) or "[" in parts.netloc:
            return [refusal + "give http://host:port/path (no TLS, no IPv6)"]
        try:
            socket.gethostbyname(parts.hostname or "")
        except (OSError, UnicodeError) as error:
            return [refusal + f"its host has no address ({error})"]
        return []


def load_url(order: LoadOrder, format: ProgressFormat, console: Console) -> int:
    """Send the schedule and print what became of it; 1 when the generator itself did not keep up."""
    load = order.check()
    body = order.body.read_bytes() if order.body else b""
    method = "POST" if order.body else "GET"
    plan = LoadPlan("", [order.endpoint()], "", order.seconds, method, order.timeout_s, keep_replies=False)
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
    return 1 if summary["problems"] else 0


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
        **{name: getattr(order, name) for name in ("url", "profile", "rate", "seconds", "seed", "workers")},
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
        "cpu_share": [round(each["cpu_share"], 3) for each in sent.workers],
        "errors": dict(Counter(text for text in sent.errors if text).most_common(SHOWN_ERRORS)),
        "problems": validity_problems(sent, good, now.steal_share(before), now.was_throttled_since(before)),
    }


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
    for title, name in (
        ("latency from scheduled", "latency_ms"),
        ("service time from sent", "service_ms"),
        ("generator lag", "lag_ms"),
    ):
        figures = "  ".join(f"{p} {'-' if value is None else f'{value:.3f}'}" for p, value in summary[name].items())
        lines.append(f"{title + ' (ms)':<30} {figures}")
    lines.append(f"timer {summary['timer']}, priority {summary['priority']}, CPU {summary['cpu_share']} cores")
    lines += [f"{count} x {text}" for text, count in summary["errors"].items()]
    lines += [f"INVALID: {problem}" for problem in summary["problems"]]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
