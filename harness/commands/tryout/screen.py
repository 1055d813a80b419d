"""What a try says: the start, each payload's two requests, sizes, and in one block what is wrong, with its fix."""

import json
from collections.abc import Iterator
from typing import Any

import targets
from harness.commands.tryout.trying import Request, Tried, packaged_bytes
from harness.files.text import harmless
from harness.files.whole import one_line
from harness.record.figures import MISSING, figure, milliseconds, plural
from harness.record.nouns import Outcome
from harness.record.reasons import OWN
from targets.workloads.contract import carries_envelope

LONGEST_ANSWER = 60
SHOWN_WRONG = 5
IN_LOAD = "in load()"
"""How the serving code says that an error was raised there."""
INIT_LIMIT_S = 10.0
"""After so long Lambda cuts an initialisation off (AWS Lambda developer guide, execution environment lifecycle)."""
MB = 2**20
"""As memory's, and as image sizes in a run's table."""


def lines_of(tried: Tried) -> Iterator[str]:
    """Everything but what is wrong."""
    yield from _start(tried)
    yield from _requests(tried)
    yield from _measured(tried)
    yield from _sizes(tried)


def _start(tried: Tried) -> Iterator[str]:
    if (start := tried.start) is None:
        if tried.requests and tried.requests[0].good:
            yield "start: no phases, for the first answer carries no stamps of its unit's start"
        return
    parts = " · ".join(f"{name} {milliseconds(part).main}" for name, part in start.parts_ms.items())
    yield f"start: loaded after {milliseconds(start.took_ms).main} ms: {parts}"
    if start.took_ms > 1e3 * INIT_LIMIT_S:
        yield (
            f"note: on Lambda an initialisation is cut off after {INIT_LIMIT_S:g} s and done again within the first "
            "request: function.init_timeout_s is that limit here"
        )


def _requests(tried: Tried) -> Iterator[str]:
    names = [payload.name for payload in tried.visit.workload.payloads()]
    if not tried.requests:
        return
    count = len(names)
    widest = min(40, max(len(harmless(name)) for name in names))
    yield f"{'payload':<{widest}}  {'sent':>11}  {'reply':>11}  {'first':>10}  {'second':>10}  answer"
    for at, request in enumerate(tried.requests[:count]):
        second = tried.requests[at + count] if at + count < len(tried.requests) else None
        yield (
            f"{harmless(request.payload)[:widest]:<{widest}}  {_bytes(request.row['bytes_in']):>11}  "
            f"{_bytes(request.row['reply_bytes']):>11}  {_took(request):>10}  {_took(second):>10}  {_answer(request)}"
        )
    good = sum(request.good for request in tried.requests)
    told = f"check: {good} of {plural(len(tried.requests), 'answer')} right"
    met = tried.requests[0].row["start_class"]
    yield f"{told}; the first request met a start ({met}), which it waited for" if met == "cold" else told


def _measured(tried: Tried) -> Iterator[str]:
    """What a stream and the model itself tell of the second requests, as means; nothing where they tell nothing."""
    rows = [request.row for request in tried.second]
    first_ms = _mean([(row["first_chunk_ns"] - row["sent_ns"]) / 1e6 for row in rows if row["first_chunk_ns"]])
    gpu_ms = _mean([row["gpu_ns"] / 1e6 for row in rows if row["gpu_ns"] is not None])
    told = [] if first_ms is None else [f"first chunk after {milliseconds(first_ms).main} ms"]
    for name, words in (("chunks", "chunks"), ("tokens_in", "tokens in"), ("tokens_out", "tokens out")):
        mean = _mean([row[name] for row in rows if row[name]])
        told += [] if mean is None else [f"{figure(mean)} {words}"]
    told += [] if gpu_ms is None else [f"{milliseconds(gpu_ms).main} ms on the GPU"]
    if told:
        yield f"each second request, in the mean: {', '.join(told)}"


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _sizes(tried: Tried) -> Iterator[str]:
    visit = tried.visit
    what, size = packaged_bytes(visit.package)
    if size is not None:
        yield f"{what}: {size / MB:,.1f} MB"
    if tried.peak_mb is not None:
        own = "" if tried.own_peak_mb is None else f", {figure(tried.own_peak_mb)} MB of it without files that it read"
        limit = f"; limit {visit.order().sizing.memory_mb:,} MB" if visit.target.capabilities.isolated else "; no limit"
        yield f"memory: at most {figure(tried.peak_mb)} MB{own}{limit}"
    for name, words in (("tmp", "/tmp"), ("shared_memory", "/dev/shm")):  # noqa: S108 - names to be read
        if name in tried.facts:
            yield f"{words}: {tried.facts[name]}"


def wrong(tried: Tried) -> list[str]:
    """What is wrong, and last the fix; empty where nothing is."""
    kinds: dict[str, list[Request]] = {}
    for request in (request for request in tried.requests if not request.good):
        kinds.setdefault(OWN.sub("#", _reason(request)), []).append(request)
    told = [_out_of_memory(tried)] if tried.out_of_memory else []
    told += tried.failure.split("\n") if tried.failure else []
    told += [f"{_count(alike)}: {_reason(alike[0])}" for alike in list(kinds.values())[:SHOWN_WRONG]]
    told += [f"and {plural(len(kinds) - SHOWN_WRONG, 'other reason')}"] if len(kinds) > SHOWN_WRONG else []
    told += [tried.stopped] if tried.stopped else []
    return [f"NOT RIGHT: {told[0]}", *told[1:], f"fix: {_fix(tried, list(kinds))}"] if told else []


def _out_of_memory(tried: Tried) -> str:
    peak = "" if tried.peak_mb is None else f", peak {tried.peak_mb:,.0f} MB"
    return f"out of memory at {tried.visit.order().sizing.memory_mb:,} MB{peak}"


def _count(alike: list[Request]) -> str:
    names = ", ".join(dict.fromkeys(harmless(request.payload)[:40] for request in alike))
    return f"{plural(len(alike), 'request')} ({one_line(names, 100)})"


def _reason(request: Request) -> str:
    return one_line(harmless(request.row["error"] or request.row["outcome"]))


def _fix(tried: Tried, reasons: list[str]) -> str:
    visit = tried.visit
    name = visit.workload.name
    place = targets.workload_file(name)
    if tried.out_of_memory:
        had = visit.order().sizing.memory_mb
        return f"give a unit more memory, e.g. --memory-mb {2 * had}, or take a smaller model"
    if tried.failure or any(IN_LOAD in reason for reason in reasons):
        model = " or the files in the model folder" if visit.trial.workload.has_own_model else ""
        return f"correct load() in {place}{model}, and try again"
    if not carries_envelope(visit.workload):
        return "correct what the settings say of payloads and check, or the image, and try again"
    outcomes = {request.row["outcome"] for request in tried.requests if not request.good}
    if outcomes == {Outcome.TIMED_OUT}:
        return "give it more time with --timeout-s, or more to compute with in a larger unit"
    if outcomes == {Outcome.WRONG}:
        return f"correct infer() or check() in {place}, and try again"
    return f"correct {place}, and try again" if outcomes else "send fewer or smaller payloads, or take a smaller model"


def _took(request: Request | None) -> str:
    return MISSING if request is None or not request.took_ms else f"{milliseconds(request.took_ms).main} ms"


def _bytes(size: int | None) -> str:
    return MISSING if size is None else f"{size:,} B"


def _answer(request: Request) -> str:
    """The beginning of it, in one harmless line."""
    if not request.good:
        return str(request.row["outcome"])
    return one_line(harmless(_json(request.answer)), LONGEST_ANSWER)


def _json(answer: Any) -> str:
    return json.dumps(answer, ensure_ascii=False)
