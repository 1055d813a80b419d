"""The one measurement that would settle what cannot be decided yet: a sentence and a command."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.fitness import CROWDED, unfit
from harness.decision.dimensions import Dimension
from harness.decision.latency import NEAR, LatencyFinding
from harness.decision.money import CostFinding, rounds_to_separate
from harness.decision.pair import Pair
from harness.decision.recommendation import Advice, Choice
from harness.record.definition import name_or_file
from harness.record.estimate import Estimate
from harness.record.figures import figure
from harness.record.nouns import FORCED_COLD, ROUNDS_FOR_VERDICT

MOST_ROUNDS = 200
"""More are no advice that anybody follows."""
FEWER_UNITS = "measure fewer units at once (a lower `rate`, fewer `cold_starts`), or on more cores"
"""The same experiment on the same machine would be host-bound again."""


@dataclass(frozen=True)
class Settle:
    """What to measure, and how."""

    sentence: str
    command: str

    def __str__(self) -> str:
        return f"{self.sentence}: `{self.command}`"


def settle(pair: Pair, advice: Advice, dimensions: Sequence[Dimension]) -> Settle | None:
    """The first thing that stands in the way; None where nothing does."""
    if advice.recommendation != "cannot decide yet":
        return None
    if advice.obstacles:
        return settle_obstacle(pair)
    opened = [choice for choice in advice.choices if choice.side == "open"]
    if opened:
        return settle_choice(pair, opened[0])
    return settle_tie(pair, advice.choices, dimensions)


def settle_obstacle(pair: Pair) -> Settle:
    """A whole run, of both sides, in ten rounds."""
    if problems := pair.summary.problems:
        if problems[0].startswith("unfinished"):
            return Settle("the trials that are missing", f"frostline run --resume {quoted(pair.summary.run)}")
        return Settle("a run without an INVALID or fruitless trial", again(pair))
    sides = {"function": pair.rows(pair.function), "service": pair.rows(pair.service)}
    for kind, rows in sides.items():
        if not rows:
            return Settle(f"a {kind} beside it: name one among the experiment's `targets`", again(pair))
    return Settle("as many rounds as a verdict takes", again(pair, ROUNDS_FOR_VERDICT))


def settle_choice(pair: Pair, choice: Choice) -> Settle:
    """Of one traffic that is open: what is unfit first, then latency, then money."""
    profile = choice.profile
    for target in (pair.function, pair.service):
        if pair.forecast_row(target, profile) is None and (found := settle_unfit(pair, target, profile)):
            return found
    if choice.function.fit == choice.service.fit == "beyond":
        return Settle(
            f"{profile}: neither side holds the objective in this size: measure a larger `sizing`", again(pair)
        )
    for target, finding in ((pair.function, choice.function), (pair.service, choice.service)):
        if finding.fit in ("not known", NEAR):
            return settle_latency(pair, f"{profile}: {target}", finding)
    return settle_cost(pair, profile, choice.cost)


def settle_unfit(pair: Pair, target: str | None, profile: str) -> Settle | None:
    """A forecast, or what it takes to make one, for a target that has none; None where its own rows may be used."""
    rows = [row for row in pair.rows(target) if row.profile == profile]
    reasons = [reason for row in rows for reason in (*unfit(row, "latency"), *unfit(row, "cost"))]
    if CROWDED in reasons:
        return Settle(f"{profile}: {target} is host-bound: {FEWER_UNITS}", again(pair))
    if pair.forecast is not None:
        withheld = (text for text in pair.forecast.withheld if str(target) in text and profile in text)
        why = next(withheld, "and nothing says why")
        return Settle(f"{profile}: {target} decides nothing without its forecast ({why})", again(pair))
    if rows and not reasons:
        return None
    why = reasons[0].split(";")[0] if reasons else "it was not measured under this traffic"
    where = f"{profile}: {target} decides nothing ({why})"
    if pair.economics.expected is None:
        return Settle(f"{where}: state `expected.requests_per_month`, so that the run ends in a forecast", again(pair))
    if not has_samples(pair):
        return Settle(f"{where}: force cold starts (`cold_starts: 2`), which a forecast draws from", again(pair))
    return Settle(f"{where}: a forecast of the expected traffic", f"frostline forecast {quoted(pair.summary.run)}")


def has_samples(pair: Pair) -> bool:
    """Whether cold starts of both sides were forced that a forecast may draw from."""
    rows = [row for row in pair.summary.rows if row.workload == pair.workload and row.profile == FORCED_COLD]
    return {pair.function, pair.service} <= {row.target for row in rows if not unfit(row, "cold samples")}


def settle_latency(pair: Pair, where: str, finding: LatencyFinding) -> Settle:
    """More rounds, as many as the interval takes to lie on one side, if it shrinks with their square root; other
    settings where nobody would wait for so many."""
    latency, limit = finding.latency, pair.objective.latency_ms if pair.objective else math.inf
    if latency is None or latency.value is None:
        why = latency.why if latency is not None and latency.why else "nothing was measured"
        where = f"{where} has no percentile to judge ({why})"
        if (wanted := more(pair, latency)) > MOST_ROUNDS:
            return Settle(f"{where}: more requests a trial (`rate`, `seconds`)", again(pair))
        return Settle(f"{where}: more rounds", again(pair, wanted))
    rounds = rounds_to_tell(pair, latency, limit)
    objective = f"the objective of {figure(limit)} ms"
    if rounds > MOST_ROUNDS:
        sentence = f"{where} is too close to {objective} for rounds to tell: change `objective` or `sizing`"
        return Settle(sentence, again(pair))
    return Settle(f"{where}: rounds enough to tell its latency from {objective}", again(pair, math.ceil(rounds)))


def rounds_to_tell(pair: Pair, latency: Estimate, limit: float) -> float:
    """Infinitely many on the limit itself; twice as many where the interval has no end on that side."""
    value = latency.value or 0.0
    reach, distance = half_width(latency, upward=value <= limit), abs(limit - value)
    if not distance:
        return math.inf
    return pair.rounds * (reach / distance) ** 2 if reach else 2 * pair.rounds


def half_width(estimate: Estimate, upward: bool) -> float:
    """How far the interval reaches to one side; 0 where it does not say."""
    end, value = estimate.high if upward else estimate.low, estimate.value
    return 0.0 if end is None or value is None else abs(end - value)


def more(pair: Pair, estimate: Estimate | None) -> int:
    """Rounds that a sample takes which is too small; twice as many where nobody says how large it must be."""
    if estimate is not None and estimate.need and estimate.n:
        return math.ceil(pair.rounds * max(1.1, estimate.need / estimate.n))
    return 2 * pair.rounds


def settle_cost(pair: Pair, profile: str, cost: CostFinding) -> Settle:
    """A capacity where only bounds are known, otherwise rounds enough for the costs to separate."""
    if cost.ratio is None:
        sentence = f"{profile}: the cost of both sides, which `frostline cost` says why it cannot be told"
        return Settle(sentence, f"frostline cost {quoted(pair.summary.run)}")
    if cost.is_bound:
        like = source(pair)
        command = f"frostline capacity {quoted(pair.workload)} {quoted(str(pair.service))} --like {like}"
        return Settle(f"{profile}: what a replica of {pair.service} carries, for its cost is only bounded", command)
    has_ends = cost.ratio.low is not None and cost.ratio.high is not None
    rounds = rounds_to_separate(cost.ratio, pair.rounds) if has_ends else 2 * pair.rounds
    if rounds is None or rounds > MOST_ROUNDS:
        sentence = f"{profile}: the costs are too close for rounds to tell: change `ratings`, `expected` or `sizing`"
        return Settle(sentence, again(pair))
    return Settle(f"{profile}: rounds enough to tell the costs of both sides apart", again(pair, rounds))


def settle_tie(pair: Pair, choices: Sequence[Choice], dimensions: Sequence[Dimension]) -> Settle:
    """A dimension without a score, otherwise rounds until the costs separate."""
    for dimension in dimensions:
        if dimension.score is None:
            sentence = f"both sides hold the objective and cost the same: score {dimension.name} ({dimension.reason})"
            return Settle(sentence, again(pair))
    tie = next(choice for choice in choices if choice.side == "tie")
    return settle_cost(pair, tie.profile, tie.cost)


def again(pair: Pair, rounds: int | None = None) -> str:
    """The experiment once more; never fewer rounds than it had."""
    command = f"frostline run {source(pair)}"
    return command if rounds is None else f"{command} --rounds {max(rounds, pair.rounds + 1)}"


def source(pair: Pair) -> str:
    """The experiment, as a word of a command."""
    return quoted(name_or_file(str(pair.summary.experiment)))


def quoted(name: str) -> str:
    """As a shell takes it for one word."""
    return shlex.quote(name)
