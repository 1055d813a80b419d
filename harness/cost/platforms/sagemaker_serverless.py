"""Amazon SageMaker Serverless Inference: time of inference by the millisecond, at a price for each memory size."""

import math
from collections.abc import Iterator

import numpy as np

from harness.analysis.trial_rows import MS_PER_NS, NS_PER_S
from harness.cost.bill import MB_PER_GB, Bought, Way, lines, refuse_accelerators, size_of
from harness.cost.month import Month
from harness.cost.nouns import CostLine, Purchase, TermName
from harness.cost.platforms.aws_lambda import MS_PER_S, billed_ms, told_words
from harness.cost.usage import Billed, Requests
from harness.errors import RecordError
from harness.files.problems import quote
from harness.record.figures import figure
from harness.record.nouns import Case

MOST_GB = 6
"""Memory is sold in whole GB from 1 on (botocore 1.44.5, ServerlessConfig.MemorySizeInMB: 1,024 to 6,144)."""


def purchase(case: Case, architecture: str) -> Purchase:
    """The next whole GB; RecordError for more than is sold. How many vCPU go with it is not published, so those that
    were measured are taken."""
    refuse_accelerators(case, "SageMaker Serverless Inference")
    memory_mb, cpus = size_of(case, "memory_mb"), size_of(case, "cpus")
    if architecture != "x86":
        raise RecordError(f"priced_as.architecture: {quote(architecture)} has no price here, x86 has")
    gb = math.ceil(memory_mb / MB_PER_GB)
    if gb > MOST_GB:
        raise RecordError(
            f"memory_mb: {memory_mb:g} is more than a serverless endpoint can have, {MOST_GB * MB_PER_GB}"
        )
    unlike = "" if gb * MB_PER_GB == memory_mb else f" and {memory_mb:g} MB, which cannot be bought"
    remark = f"measured with {cpus:g} vCPU{unlike}; how many go with its memory is not published"
    return Purchase(f"sagemaker.serverless.{gb}gb", gb * MB_PER_GB, cpus, remark)


def meter(requests: Requests) -> Billed:
    """What the platform says that it bills; of other requests, the handler of what was invoked: inference is billed,
    not initialisation."""
    told = ~np.isnan(requests.told_ns)
    reckoned = requests.invoked & ~told
    told_s = float(np.sum(requests.told_ns[told])) / NS_PER_S
    seconds = told_s + billed_ms(requests.duration_ns[reckoned] * MS_PER_NS) / MS_PER_S
    return Billed(seconds, seconds)


def bill_lines(bought: Bought, month: Month) -> Iterator[CostLine]:
    """Seconds at the price of the memory; all on demand, since what is kept warm has no price here."""
    yield from lines(bought, "compute", f"{bought.purchase.sku}.second", month.billed_s or 0.0, month.source)


def basis(bought: Bought, month: Month, term: TermName, carried: str) -> str:
    """On what a billed term rests, in words."""
    if term == "compute":
        each = f"{figure(month.per_arrival(month.billed_s) * MS_PER_S)} ms billed per arrival{told_words(month)}"
        return f"{each}, without initialisation, but of a forecast with it, which is the most it can be; {month.source}"
    if term == "idle":
        kept = bought.economics.priced_as.provisioned_concurrency
        unpriced = f"{kept} sandboxes kept warm have no price here: all is priced as on demand"
        return unpriced if kept else "no capacity is kept warm"
    return "registry; the data that is processed is not in it, since no run keeps its size"


WAY = Way("function", replicated=False, purchase=purchase, meter=meter, lines=bill_lines, basis=basis)
