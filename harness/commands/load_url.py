"""`frostline load`: any HTTP endpoint, our schedules, our clock."""

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from pydantic import ValidationError
from rich.console import Console

import loadprofiles
from harness.errors import UsageError
from harness.files.problems import problems_in, shown
from harness.load.plan import LoadPlan
from harness.load.process import LoadProcess, LoadResult
from harness.load.wire import Fate
from harness.measure import validity
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

    def checked(self) -> LoadProfile:
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
        refusal = f"url: {shown(self.url)} is not accepted: "
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
    load = order.checked()
    body = order.body.read_bytes() if order.body else b""
    offsets = load.arrivals(order.seed)
    method = "POST" if order.body else "GET"
    plan = LoadPlan("", [order.endpoint()], "", order.seconds, method, order.timeout_s, keep_replies=False)
    process = LoadProcess(order.workers)
    try:
        result = process.carry_out(plan, offsets, [body], lambda ended: None)
    finally:
        process.close()
    summary = summary_of(result, order)
    if format == "json":
        print(json.dumps(summary))
    else:
        _tell(summary, console)
    return 1 if summary["problems"] else 0


def summary_of(result: LoadResult, order: LoadOrder) -> dict[str, Any]:
    """frostline/load/1: counts, latency from the schedule over all arrivals (a failure is infinitely late), lag."""
    records = result.records
    answered = (records["fate"] == Fate.ANSWERED) & (records["status"] < 400)
    latency = np.where(answered, records["done_ns"] - records["scheduled_ns"], np.inf) / 1e6
    service = ((records["done_ns"] - records["sent_ns"])[answered]) / 1e6
    started = records["started_ns"] > 0
    lag = (records["started_ns"] - records["scheduled_ns"])[started]
    pace = validity.pace(records["scheduled_ns"], records["started_ns"])
    shed = int((records["fate"] == Fate.SHED).sum())
    problems = [
        validity.lag_problem(
            validity.percentile_ns(lag, 0.99), int(np.median(service) * 1e6) if len(service) else None
        ),
        validity.rate_problem(pace),
        validity.shed_problem(shed),
    ]
    texts = [text for text in result.errors if text]
    return {
        "schema": LOAD_SCHEMA,
        "url": order.url,
        "profile": order.profile,
        "rate": order.rate,
        "seconds": order.seconds,
        "seed": order.seed,
        "workers": order.workers,
        "timer": result.workers[0]["timer"],
        "priority": result.workers[0]["priority"],
        "scheduled": len(records),
        "achieved_rate": None if pace is None else round(order.rate * pace, 4),
        "good": int(answered.sum()),
        "failed": int(((records["fate"] == Fate.FAILED) | ((records["fate"] == Fate.ANSWERED) & ~answered)).sum()),
        "timed_out": int((records["fate"] == Fate.TIMED_OUT).sum()),
        "shed": shed,
        "unfinished": int((records["fate"] == Fate.UNFINISHED).sum()),
        "latency_ms": _percentiles(latency),
        "service_ms": _percentiles(service),
        "lag_ms": _percentiles(lag / 1e6),
        "new_connections": int(records["fresh"].sum()),
        "cpu_share": [round(worker["cpu_share"], 3) for worker in result.workers],
        "errors": {text: texts.count(text) for text in sorted(set(texts))[:SHOWN_ERRORS]},
        "problems": [problem for problem in problems if problem],
    }


def _percentiles(values: Any) -> dict[str, float | None]:
    """p50, p95, p99 and the most; None where there is none or where it falls among failures."""
    names = {f"p{round(p * 100)}": p for p in PERCENTILES} | {"max": 1.0}
    found = {
        name: np.percentile(values, p * 100, method="inverted_cdf") if len(values) else np.inf
        for name, p in names.items()
    }
    return {name: round(float(value), 4) if np.isfinite(value) else None for name, value in found.items()}


def _tell(summary: dict[str, Any], console: Console) -> None:
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
