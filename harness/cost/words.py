"""What a costing must say besides its figures: on what each term rests, what was assumed, what nobody stated."""

from collections.abc import Iterable, Iterator, Sequence

from harness.cost.bill import Bought
from harness.cost.book import PriceBook
from harness.cost.month import Month
from harness.cost.nouns import BILLED, STATED, Basis, CostLine, Term, TermName
from harness.cost.usage import TrialUse
from harness.record.figures import figure, plural
from harness.record.stated import DEFAULT_PEAK, Economics

NOT_STATED = "not stated"
HEADLINE = "costs and break-even are what the provider bills and nothing else"
LIST_PRICES = "list prices without discounts, taxes, free tiers, data transfer and logs; a month is 730 hours"
OWN_MIX = (
    "no forecast: cost, break-even and recommendation are of the run's own mix, whose share of cold starts is taken "
    "for every rate; `frostline forecast RUN` takes the expected traffic instead"
)
BATCHES = (
    "begin: batch: cost, break-even and recommendation are of whole batches, each from its first start to its last end "
    "as a trial measured it, but for replicas, which are paid all month; more requests a month are taken to be more "
    "batches of that size, not larger ones"
)
BETWEEN = (
    "forecast: between the rates that it looked at, costs are straight lines; where replicas are added between two of "
    "them, the crossing lies anywhere there"
)
ALL_MONTH = "own mix: replicas are bought for the peak and run all month: nothing is scaled in"
ONE_CONNECTION = (
    "the load balancer is billed as if each request came over a new connection, which is the most it can be"
)
FROM_EMULATION = "durations come from this machine and its emulated targets, not from the cloud whose prices are used"
MEAN_CONCURRENCY = (
    "own mix: provisioned concurrency is billed by how many sandboxes are busy on average: a burst that overflows them "
    "is priced as if they had carried it, and the cold starts measured without them stay in the cost"
)
OWN_TRAFFIC = (
    "the experiment expects no traffic: each row's own is taken to last all month, "
    f"its peak {DEFAULT_PEAK:g} times the mean"
)
PEAK_NOT_STATED = (
    f"expected.peak_to_mean: not stated: the peak is taken to be {DEFAULT_PEAK:g} times the mean, and a service's "
    "replicas and cost rest on it"
)


def terms_of(bought: Bought, month: Month, carried: str, lines: Sequence[CostLine]) -> list[Term]:
    """What is billed and what is stated, with the words that each rests on."""
    billed = [Term(name, total(lines, name), "; ".join(bases(bought, month, name, carried))) for name in BILLED]
    words = {
        "scaling penalty": penalty_basis(bought.economics, month),
        "stated platform": platform_basis(bought),
        "engineering": engineering_basis(bought),
    }
    present = {line.term for line in lines}
    return billed + [
        Term(name, total(lines, name) if name in present else None, words[name], billed=False) for name in STATED
    ]


def bases(bought: Bought, month: Month, name: TermName, carried: str) -> Iterator[str]:
    """On what a billed term rests, part by part; one reason that several have is told once."""
    yield from dict.fromkeys(part.way.basis(part, month, name, carried) for part in bought.parts)


def total(lines: Sequence[CostLine], *terms: TermName) -> float:
    """USD a month of these terms' lines."""
    return float(sum(line.ListCost for line in lines if line.term in terms))


def penalty_basis(economics: Economics, month: Month) -> str:
    """Shares of the arrivals and stated prices; a share without a price is left out, and that is said."""
    stakes, parts = economics.stakes, []
    for name, share, usd in (
        ("late after a start", month.per_arrival(month.late), stakes.late_request_usd),
        ("without a good answer", month.per_arrival(month.bad), stakes.failed_request_usd),
    ):
        price = "no cost stated" if usd is None else f"{usd:g} USD each, stated"
        parts.append(f"{figure(100 * share)} % {name}, {price}")
    return "; ".join(parts)


def platform_basis(bought: Bought) -> str:
    """On what the cost of a stated platform rests, in words."""
    usd = bought.economics.stakes.platform_usd(bought.kind)
    return NOT_STATED if usd is None else f"{figure(usd)} USD a month, stated"


def engineering_basis(bought: Bought) -> str:
    """On what the cost of people's hours rests, in words."""
    stated = bought.economics.stakes.engineering(bought.kind)
    if stated is None:
        return NOT_STATED
    hours, usd = stated
    return f"{figure(hours)} hours a month at {figure(usd)} USD, stated"


def notes_of(bought: Bought) -> Iterator[str]:
    """What must be said of what is bought."""
    for size in (part.purchase for part in bought.parts):
        yield f"priced as {size.sku}, {size.vcpus:.3g} vCPU and {size.memory_mb:,} MB"
        if size.remark:
            yield size.remark
    if bought.image_gb is None:
        yield "no image, so no registry in the cost"
    if bought.beside:
        yield f"the {bought.beside} beside its units is not in the cost"


def doubts_of(trials: Sequence[TrialUse]) -> Iterator[str]:
    """What of the billed time had to be assumed, or is not known."""
    for name, noun, words in (
        ("assumed", "request", "without a handler time: billed from sent to done, which is more"),
        ("given_up", "request", "that took too long: billed for as long as they were waited for, and may have gone on"),
        ("unended", "request", "whose end never came: nobody knows what they took, so it is not in the cost"),
        ("uninitialised", "start", "of unknown parts: their initialisation is not wholly in the cost"),
        ("uncut", "start", "cut off after an unknown time: what was before the cut is not in the cost"),
    ):
        if count := sum(getattr(trial, name) for trial in trials):
            yield f"{plural(count, noun)} {words}"


def notices_of(economics: Economics, sides: Sequence[tuple[Bought, Basis]], in_cloud: bool) -> Iterator[str]:
    """What must be said of all sides: assumptions, and what nobody stated.

    `in_cloud` says that all were measured where they are sold.
    """
    bought, stakes = economics.priced_as, economics.stakes
    yield from (HEADLINE, LIST_PRICES, *([] if in_cloud else [FROM_EMULATION]))
    own = [side for side, basis in sides if basis == "run"]
    if own:
        yield OWN_MIX
        yield from notices_of_own_mix(economics, own)
    bases = {basis for _, basis in sides}
    if "batch" in bases:
        yield BATCHES
    if "forecast" in bases:
        yield BETWEEN
    if bought.load_balancer == "alb" and any(side.replicated for side, _ in sides):
        yield ONE_CONNECTION
    if stakes.unstated:
        yield f"stakes: {', '.join(stakes.unstated)}: not stated, so left out"
    if len(stakes.unstated) < len(type(stakes).model_fields):
        yield "stakes: what the experiment states is told beside the cost, never in it"


def unverified(lines: Iterable[CostLine], book: PriceBook) -> Iterator[str]:
    """The prices that a bill rests on and nobody verified."""
    doubtful = {price.sku for price in book.prices if price.confidence == "unverified"}
    if found := [sku for sku in dict.fromkeys(line.SkuId for line in lines) if sku in doubtful]:
        yield f"unverified prices, to look up before they are quoted: {', '.join(found)}"


def notices_of_own_mix(economics: Economics, sides: Sequence[Bought]) -> Iterator[str]:
    """What a run's own mix assumes and a forecast does not."""
    if any(side.replicated for side in sides):
        yield ALL_MONTH
    if economics.priced_as.provisioned_concurrency and any(side.by_use for side in sides):
        yield MEAN_CONCURRENCY
    if economics.expected is None:
        yield OWN_TRAFFIC
    elif economics.expected.peak_to_mean is None:
        yield PEAK_NOT_STATED
