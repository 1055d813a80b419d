"""AWS Lambda: memory by the GB-second, initialisation included, requests, and provisioned concurrency."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from harness.analysis.stats import Floats
from harness.analysis.trial_rows import MS_PER_NS, NS_PER_S, met_start, place_of
from harness.cost.bill import STATED, Bought, Way, lines, refuse_accelerators, size_of
from harness.cost.month import Month
from harness.cost.nouns import CostLine, Purchase, TermName
from harness.cost.usage import Billed, Requests
from harness.errors import RecordError
from harness.record.figures import figure
from harness.record.nouns import Case, StartClass
from harness.record.stated import SECONDS_PER_MONTH

LEAST_MB, MOST_MB = 128, 10_240
MB_PER_VCPU = 1769
"""Memory is bought, vCPU follows (AWS Lambda, configuring memory)."""
KEPT_STEP_S = 300
"""Provisioned concurrency is billed from its beginning to its end, rounded up to five minutes."""
MS_PER_S = 1000


def purchase(case: Case, architecture: str) -> Purchase:
    """Memory to the megabyte; RecordError for more than is sold."""
    refuse_accelerators(case, "AWS Lambda")
    memory_mb = size_of(case, "memory_mb")
    size_of(case, "cpus")
    if memory_mb > MOST_MB:
        raise RecordError(f"memory_mb: {memory_mb:g} is more than a function can have, {MOST_MB}")
    bought = max(LEAST_MB, round(memory_mb))
    remark = None if bought == memory_mb else f"measured with {memory_mb:g} MB, which cannot be bought"
    return Purchase(f"lambda.{architecture}", bought, bought / MB_PER_VCPU, remark)


def meter(requests: Requests) -> Billed:
    """What the platform says that it bills; of other requests, initialisation and handler of what was invoked.

    Creating and starting the sandbox is not billed.
    """
    init_ns, duration_ns = requests.init_ns + cut_off_ns(requests), requests.duration_ns
    told = ~np.isnan(requests.told_ns)
    reckoned, warm = requests.invoked & ~told, told & ~met_start(requests.starts)
    told_s, told_warm_s = (float(np.sum(requests.told_ns[rows])) / NS_PER_S for rows in (told, warm))
    return Billed(
        seconds=told_s + billed_ms((init_ns + duration_ns)[reckoned] * MS_PER_NS) / MS_PER_S,
        warm_seconds=told_warm_s + billed_ms(duration_ns[(reckoned | told) & ~warm] * MS_PER_NS) / MS_PER_S,
    )


def billed_ms(durations_ms: Floats | Sequence[float]) -> float:
    """Each rounded up to a whole millisecond; a float's own error is no reason to bill one more."""
    return float(np.sum(np.ceil(np.round(np.asarray(durations_ms, dtype=float), 6))))


def cut_off_ns(requests: Requests) -> Floats:
    """An initialisation that overran its limit is billed until then, and once more when it is repeated."""
    limit_s = requests.record.init_timeout_s or 0.0  # where it is not known, the side says so
    return np.where(np.equal(requests.starts, place_of(StartClass.COLD_REINIT)), limit_s * NS_PER_S, 0.0)


def bill_lines(bought: Bought, month: Month) -> Iterator[CostLine]:
    """What is kept warm is paid used or not; what it could not carry is on demand."""
    seconds, sku, source = month.billed_s or 0.0, bought.purchase.sku, month.source
    sandboxes = bought.economics.priced_as.provisioned_concurrency
    on_demand_s = min(seconds, month.overflow_s or 0.0) if sandboxes else seconds
    if sandboxes:
        used, kept = (f"{sku.replace('lambda.', 'lambda.provisioned.')}.{name}.gb-second" for name in ("used", "kept"))
        kept_gb_s = sandboxes * bought.memory_gb * kept_seconds(SECONDS_PER_MONTH)
        used_s = seconds - on_demand_s
        in_use = min(1.0, used_s / (sandboxes * SECONDS_PER_MONTH))
        yield from lines(bought, "compute", used, used_s * bought.memory_gb, source)
        yield from lines(bought, "compute", kept, kept_gb_s * in_use, STATED)
        yield from lines(bought, "idle", kept, kept_gb_s * (1 - in_use), STATED)
    yield from lines(bought, "compute", f"{sku}.gb-second", on_demand_s * bought.memory_gb, source)
    yield from lines(bought, "compute", "lambda.request", month.invoked, source)


def kept_seconds(seconds: float) -> int:
    """What provisioned concurrency is billed for: whole steps of five minutes."""
    return math.ceil(seconds / KEPT_STEP_S) * KEPT_STEP_S


def basis(bought: Bought, month: Month, term: TermName, carried: str) -> str:
    """On what a billed term rests, in words."""
    if term == "compute":
        each = f"{figure(month.per_arrival(month.billed_s) * MS_PER_S)} ms billed per arrival, initialisation included"
        return f"{each}{told_words(month)}, and {figure(month.per_arrival(month.invoked))} invocations; {month.source}"
    if term == "idle":
        kept = bought.economics.priced_as.provisioned_concurrency
        return f"{kept} sandboxes kept warm" if kept else "no capacity is kept warm"
    return "registry"


def told_words(month: Month) -> str:
    """Whose word the billed time is, where the platform gave its own."""
    if not month.told:
        return ""
    share = min(1.0, month.told / month.invoked) if month.invoked else 1.0
    return ", as the platform says" if share == 1 else f", as the platform says of {figure(100 * share)} % of them"


WAY = Way("function", replicated=False, purchase=purchase, meter=meter, lines=bill_lines, basis=basis)
