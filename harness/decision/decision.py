"""What report and review both say of a run: its figures, its costs, its scorecards; what is absent has its reasons."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.analysis.summary import Summary
from harness.analysis.table import summarise
from harness.cost.costing import costing_of, with_costs
from harness.cost.nouns import Costing
from harness.decision.dimensions import Dimension, dimensions_of
from harness.decision.latency import NEAR
from harness.decision.pair import Pair
from harness.decision.recommendation import Advice, Recommendation, recommend
from harness.decision.settle import Settle, settle
from harness.decision.sureness import how_sure, why
from harness.errors import FrostlineError
from harness.record.folder import RunFolder
from harness.record.forecast import Forecast, read_forecast
from harness.record.nouns import Manifest
from harness.record.stated import Economics, Objective, economics_of, objective_of
from harness.record.target_facts import incomparable

MOST_LINE = 200
"""Characters of a line of an answer, as far as names allow."""


@dataclass(frozen=True)
class Scorecard:
    """Six dimensions and a recommendation for one service and one function under one workload.

    A side that the run lacks is None.
    """

    workload: str
    dimensions: list[Dimension]
    recommendation: Recommendation
    because: list[str]
    """The rows it rests on, in words."""
    would_change: list[str]
    service: str | None = None
    function: str | None = None
    why: list[str] = field(default_factory=list)
    """What settles the traffics, or leaves them open: one sentence for all that say the same."""
    sure: str = ""
    """The closest call, and on how many rounds and resamples it rests; empty where there is none."""
    settle: Settle | None = None
    """The one measurement that would settle it; None where it is decided."""
    chosen: str | None = None
    """The target that is recommended; None without one."""
    has_hybrid: bool = False
    """Whether one of the two is a function before a service."""

    @property
    def pair(self) -> tuple[str, ...]:
        """The targets that there are."""
        return tuple(name for name in (self.function, self.service) if name is not None)

    @property
    def answer(self) -> list[str]:
        """Three lines at most: which side, why, and how sure, or what would settle it."""
        which = f"{self.title}: {self.recommendation}"
        last = [f"to settle it: {self.settle}"] if self.settle else [f"how sure: {self.sure}"] if self.sure else []
        return [which, *([one_sentence(self.why)] if self.why else []), *last]

    @property
    def title(self) -> str:
        """The workload and both sides, as a heading."""
        sides = " or ".join(name for name in (self.function, self.service) if name is not None)
        return f"{self.workload}, {sides}" if sides else self.workload


def one_sentence(reasons: Sequence[str]) -> str:
    """The first of these reasons, as many as a line holds, and how many are left."""
    fitting = [n for n in range(1, len(reasons) + 1) if len("; ".join(reasons[:n])) <= MOST_LINE]
    told = fitting[-1] if fitting else 1
    rest = len(reasons) - told
    return "; ".join([*reasons[:told], *([f"and {rest} more"] if rest else [])])


@dataclass
class Decision:
    """What a run comes to. `reasons` tells by part (cost, scorecard) why it is not there, and must be shown."""

    summary: Summary
    economics: Economics | None = None
    """None where they are malformed, which the reasons tell; so with the objective, which may also be none."""
    objective: Objective | None = None
    costing: Costing | None = None
    cards: list[Scorecard] = field(default_factory=list)
    reasons: dict[str, list[str]] = field(default_factory=dict)
    forecast: Forecast | None = None


def decide(run: RunFolder) -> Decision:
    """Read a run. RecordError when it is not readable as one; what cannot be priced or judged is absent."""
    forecast = read_forecast(run)  # first: it may leave a notice, which the summary tells
    decision = Decision(summarise(run), forecast=forecast)
    try:
        decision.economics = economics_of(run.manifest)
        decision.costing = costing_of(run, decision.summary)
        if decision.costing.expected:
            decision.summary = with_costs(decision.summary, decision.costing.sides)
    except FrostlineError as error:
        decision.reasons["cost"] = str(error).split("\n")
    try:
        decision.objective = objective_of(run.manifest.experiment)
        decision.cards = scorecards(run, decision.summary, decision.costing, decision.forecast)
    except FrostlineError as error:
        decision.reasons["scorecard"] = str(error).split("\n")
    return decision


def scorecards(
    run: RunFolder, summary: Summary, costing: Costing | None, forecast: Forecast | None = None
) -> list[Scorecard]:
    """A scorecard per workload and pair, in the summary's order. RecordError where what is stated is malformed."""
    economics, objective = economics_of(run.manifest), objective_of(run.manifest.experiment)
    cards = []
    for workload in dict.fromkeys(row.workload for row in summary.rows):
        names = dict.fromkeys(row.target for row in summary.rows if row.workload == workload)
        hybrids = frozenset(name for name in names if run.manifest.target(name).form == "hybrid")
        for service, function in pairs_of(names, run.manifest):
            sides = (workload, service, function, economics, objective, summary, costing, forecast, hybrids)
            cards.append(scorecard(Pair(*sides)))
    return cards


def scorecard(pair: Pair) -> Scorecard:
    """What is recommended for one pair, and everything that is said beside it."""
    dimensions = dimensions_of(pair)
    advice = recommend(pair, dimensions)
    return Scorecard(
        workload=pair.workload,
        dimensions=dimensions,
        recommendation=form_of(pair, advice.recommendation),
        chosen=chosen_of(pair, advice.recommendation),
        has_hybrid=bool(pair.hybrids & {pair.function, pair.service}),
        because=advice.because,
        would_change=list_changes(pair, advice, dimensions),
        service=pair.service,
        function=pair.function,
        why=why(pair, advice),
        sure=how_sure(pair, advice),
        settle=settle(pair, advice, dimensions),
    )


def chosen_of(pair: Pair, recommendation: Recommendation) -> str | None:
    """The target of a side; None where no side is recommended."""
    return {"serverless": pair.function, "container": pair.service}.get(recommendation)


def form_of(pair: Pair, recommendation: Recommendation) -> Recommendation:
    """What a side's target is called: a hybrid may be on either side."""
    return "hybrid" if chosen_of(pair, recommendation) in pair.hybrids else recommendation


def list_changes(pair: Pair, advice: Advice, dimensions: Sequence[Dimension]) -> list[str]:
    """What would change the recommendation, or make one possible; an objective that decides nothing does not."""
    changes = [f"traffic across the break-even ({b.profile}): {b.words}" for b in pair.break_evens]
    if any(choice.hangs_on_latency for choice in advice.choices):
        function_late = any(choice.function.fit in ("beyond", NEAR) for choice in advice.choices)
        changes.append("another objective" + (", or a cold start that meets it" if function_late else ""))
    return changes + [f"{dimension.name}: {dimension.reason}" for dimension in dimensions if dimension.score is None]


def pairs_of(names: Mapping[str, None], manifest: Manifest) -> Iterator[tuple[str | None, str | None]]:
    """Every service beside every function, and every hybrid beside each of them: its edge is what it shares with a
    function, its core with a service. One alone where there is no other side; other kinds are on neither side, and no
    cloud service is beside an emulation."""
    services, functions, hybrids = (
        [name for name in names if manifest.target(name).form == form] for form in ("service", "function", "hybrid")
    )
    pairs = [(service, function) for service in services for function in functions]
    pairs += [(service, hybrid) for service in services for hybrid in hybrids]
    pairs += [(hybrid, function) for hybrid in hybrids for function in functions]
    pairs = [(a, b) for a, b in pairs if not incomparable(manifest.target(a), manifest.target(b))]
    yield from pairs
    if not pairs:
        yield from ((service, None) for service in services)
        yield from ((None, name) for name in (*functions, *hybrids))
