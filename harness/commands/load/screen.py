"""How a load's summary reads on a terminal."""

from collections.abc import Iterator
from typing import Any

from harness.analysis.stats import AMONG_FAILURES
from harness.commands.load.advice import fix_of
from harness.commands.load.figures import shown
from harness.record.figures import milliseconds, plural

SHOWN_REASONS = 8
COUNTS = ("timed_out", "shed", "unfinished")
TITLES = {
    "latency_ms": "latency from scheduled",
    "service_ms": "service time from sent",
    "first_chunk_ms": "first chunk from sent",
    "last_chunk_ms": "last chunk from sent",
    "connect_ms": "connecting meanwhile",
    "tls_ms": "their TLS handshakes",
    "lag_ms": "generator lag",
}
Summary = dict[str, Any]


def lines_of(summary: Summary) -> Iterator[str]:
    """Line by line: counts, what came back, times, and last what is wrong."""
    yield _counts(summary)
    yield from _replies(summary)
    for name, title in TITLES.items():
        if name in summary and not _is_empty(summary, name):
            yield _times(summary, name, title)
    yield from _withheld(summary)
    yield from _connections(summary)
    yield f"timer {summary['timer']}, priority {summary['priority']}, CPU {summary['cpu_share']} cores"
    yield from _clocks(summary)
    yield from _burst(summary)
    yield from (f"note: {note}" for note in summary["notes"])
    yield from _reasons(summary)
    if summary["failure"]:
        yield f"FAILED: {summary['failure']}"
    yield from (f"INVALID: {problem}" for problem in summary["problems"])


def _counts(summary: Summary) -> str:
    throttled = f" ({summary['throttled']} of them throttled: status 429)" if summary["throttled"] else ""
    others = ", ".join(f"{summary[name]} {name.replace('_', ' ')}" for name in COUNTS)
    return f"{summary['scheduled']} scheduled, {summary['good']} good, {summary['failed']} failed{throttled}, {others}"


def _replies(summary: Summary) -> Iterator[str]:
    if not summary["statuses"]:
        return
    statuses = sorted(summary["statuses"].items(), key=lambda each: -each[1])
    sizes = summary["reply_bytes"]
    length = f"{sizes['median']:g} bytes each"
    if sizes["least"] != sizes["most"]:
        length = f"{sizes['median']:g} bytes (median), {sizes['least']} to {sizes['most']}"
    empty = f", {sizes['empty']} of them empty" if sizes["empty"] else ""
    yield f"replies: {', '.join(f'{count} x {status}' for status, count in statuses)}; {length}{empty}"
    if chunks := summary.get("chunks"):
        replies = plural(chunks["replies"], "reply", "replies")
        yield f"{replies} came in chunks, {chunks['least']} to {chunks['most']} each"


def _is_empty(summary: Summary, name: str) -> bool:
    """Whether nothing of it can be told; of latency that itself is worth a line."""
    return name != "latency_ms" and all(value is None for value in summary[name].values())


def _times(summary: Summary, name: str, title: str) -> str:
    intervals = summary["intervals"][name]
    cells = {figure: shown(value, intervals.get(figure)) for figure, value in summary[name].items()}
    figures = [f"{figure} {cell.main}" + (f" ({cell.small})" if cell.small else "") for figure, cell in cells.items()]
    return f"{title + ' (ms)':<30} {'  '.join(figures)}"


def _withheld(summary: Summary) -> Iterator[str]:
    """Why a dash stands where a figure could: once for each reason, with the figures that it keeps back."""
    kept_back: dict[str, list[str]] = {}
    for name, missing in summary["withheld"].items():
        if name not in TITLES or _is_empty(summary, name):
            continue
        needs = [f"{figure} {what['why']}" for figure, what in missing.items() if what["why"] != AMONG_FAILURES]
        among = [figure for figure, what in missing.items() if what["why"] == AMONG_FAILURES]
        words = [*needs, *([f"{', '.join(among)}: among failures"] if among else [])]
        kept_back.setdefault("; ".join(words), []).append(TITLES[name])
    yield from (f"withheld of {', '.join(titles)}: {why}" for why, titles in kept_back.items())


def _connections(summary: Summary) -> Iterator[str]:
    if summary["addresses"]:
        new = plural(summary["new_connections"], "new connection")
        yield f"asked at {' and '.join(summary['addresses'])}, {summary['prewarmed']} connections open before, {new}"
    if "first_connect_ms" in summary:
        tls = f", TLS {milliseconds(summary['first_tls_ms']).main} ms" if "first_tls_ms" in summary else ""
        yield f"the first connection took {milliseconds(summary['first_connect_ms']).main} ms{tls}"
    if summary["resent"]:
        yield (
            f"{plural(summary['resent'], 'request')} sent once more: the server had closed an idle connection; they "
            "count from when they were due"
        )


def _clocks(summary: Summary) -> Iterator[str]:
    told = [
        f"within {clock['bound_ms']:.3f} ms, drift {clock['drift_ms']:+.3f} ms" if clock else "unknown, it was lost"
        for clock in summary.get("clocks", [])
    ]
    if told:
        yield f"clocks of the workers beside this machine's: {'; '.join(told)}"


def _burst(summary: Summary) -> Iterator[str]:
    burst = summary.get("burst")
    if burst is None:
        return
    sent = ""
    if "sent_within_ms" in burst:
        sent = f": sent one after the other within {milliseconds(burst['sent_within_ms']).main} ms"
    yield (f"a burst: {burst['requests']} requests are due at one moment{sent}; their latency counts from that moment")


def _reasons(summary: Summary) -> Iterator[str]:
    """Why not all is good, each reason with its count, and an example of what the server said."""
    errors = summary["errors"]
    if not errors:
        return
    if not summary["failure"]:
        commonest = next(iter(errors))
        bad = summary["scheduled"] - summary["good"]
        yield f"{bad} of {summary['scheduled']} requests had no good answer: {fix_of(commonest)}"
    for text, count in list(errors.items())[:SHOWN_REASONS]:
        yield f"{count} x {text}"
        if example := summary.get("examples", {}).get(text):
            yield f"    e.g. {example}"
    kinds = len(errors) - SHOWN_REASONS + summary.get("other_errors", {"kinds": 0})["kinds"]
    if kinds > 0:
        yield f"and {plural(kinds, 'more reason')}: see --format json"
