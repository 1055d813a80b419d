"""The worksheet: traffic, latency, warm and cold, utilisation. Incidents and hours are people's."""

from collections.abc import Iterator, Sequence

from harness.record.figures import figure
from harness.record.nouns import FORCED_COLD
from harness.review.findings import Findings
from harness.review.ledger import MEASURES, cited, rate
from harness.review.record import Evidence

LATENCY = ("latency_p50_ms", "latency_p95_ms", "latency_p99_ms")
WARM_COLD = ("warm_p50_ms", "warm_p95_ms", "cold_p50_ms", "cold_p90_ms", "cold_share")
UTILISATION = ("utilisation", "cpu_busy_share")
VOLUME = ("throughput_rps", "peak_1s_rps")
MEDIAN = "The median stands for the average: a mean would hide the tail in itself."


def expected_traffic(found: Findings) -> str:
    """What the experiment expects, or that it does not say."""
    expected = found.decision.economics.expected if found.decision.economics else None
    if expected is None:
        return "Expected: not stated by the experiment."
    peak = expected.mean_rps * expected.peak_to_mean
    return (
        f"Expected: {expected.requests_per_month:,.0f} requests a month, {rate(expected.mean_rps)} on average and "
        f"{figure(peak)} at the peak."
    )


def engineering(found: Findings) -> str:
    """The hours that enter the cost; people say what they really were."""
    if found.decision.economics is None:
        return f"No hours enter the cost: {found.absent.get('cost')}"
    economics = found.decision.economics
    stakes = economics.stakes
    hours = stakes.engineering_hours_per_month
    blunt = " (the blunt default)" if "engineering_hours_per_month" in economics.at_default("stakes") else ""
    return (
        f"The cost takes {figure(hours.service)} hours a month for the service and {figure(hours.function)} for the "
        f"function{blunt}, at {figure(stakes.engineering_usd_per_hour)} USD an hour."
    )


def volumes(evidence: Sequence[Evidence]) -> list[str]:
    """Measured, which is what the harness sent."""
    return list(lines(evidence, VOLUME))


def latencies(evidence: Sequence[Evidence]) -> list[str]:
    """Average and tail."""
    return list(lines(evidence, LATENCY))


def warm_and_cold(evidence: Sequence[Evidence]) -> list[str]:
    """Forced cold starts included."""
    return list(lines(evidence, WARM_COLD))


def utilisations(evidence: Sequence[Evidence]) -> list[str]:
    """Of what is paid for by the hour at the expected traffic, and of the CPU time while measured."""
    return list(lines(evidence, UTILISATION))


def lines(evidence: Sequence[Evidence], fields: Sequence[str]) -> Iterator[str]:
    """A line per row of the run that has any of them, e.g. filetype, docker-service, steady: p50, ms: 12 [E1]."""
    rows: dict[tuple[str, str, str, str], list[Evidence]] = {}
    for e in evidence:
        if e.field in fields and e.value is not None:
            rows.setdefault((e.workload, e.target, e.profile, repr(e.case)), []).append(e)
    for (workload, target, profile, _), found in rows.items():
        name = "forced cold starts" if profile == FORCED_COLD else profile
        told = "; ".join(f"{MEASURES[e.field]}: {cited(e)}" for e in found)
        yield f"{workload}, {target}, {name}: {told}"
