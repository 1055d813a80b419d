"""A recommendation in words: why this side, how sure, which call is the closest, and on how much that rests."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.cost.nouns import BASIS_WORDS, Basis
from harness.decision.latency import LatencyFinding, milliseconds_of
from harness.decision.pair import Pair
from harness.decision.recommendation import Advice, Choice
from harness.record.estimate import Estimate
from harness.record.figures import cell, figure, plural

MOST_NAMES = 3
"""So many traffics are named in one sentence."""


@dataclass(frozen=True)
class Call:
    """One figure beside its limit. `room` is how far its near end is from the limit, as a logarithm; below 0 it is on
    the line."""

    words: str
    room: float
    forecast: bool


def why(pair: Pair, advice: Advice) -> list[str]:
    """What settles the traffics, or leaves them open: one sentence for all that say the same."""
    if advice.obstacles:
        return [*advice.obstacles, *leaning(pair, advice.choices)]
    alike: dict[str, list[str]] = {}
    for choice in advice.choices:
        alike.setdefault(why_of(pair, choice, advice), []).append(choice.profile)
    return [f"under {named(profiles)} {sentence}" for sentence, profiles in alike.items()]


def leaning(pair: Pair, choices: Sequence[Choice]) -> Iterator[str]:
    """Which way a quick look points, where all its traffics point the same way; no recommendation."""
    sides = {choice.cost.cheaper for choice in choices}
    if len(sides) != 1 or None in sides:
        return
    by_side = {"serverless": pair.function, "container": pair.service}
    (side,) = sides
    holds = {(choice.function if side == "serverless" else choice.service).fit for choice in choices}
    if "beyond" in holds:
        return
    told = "" if pair.objective is None else " and holds the objective"
    if pair.objective is not None and holds != {"within"}:
        told = ", and whether it holds the objective so few do not tell"
    bases = {choice.cost.basis for choice in choices}
    basis = basis_words(choices[0].cost.basis) if len(bases) == 1 else "by forecast and own mix"
    yield f"on these rounds alone {by_side[str(side)]} costs less{told}, {basis}"


def named(names: Sequence[str]) -> str:
    """E.g. steady, bursty and spiky; of many the first few, and how many more."""
    told, rest = list(names[:MOST_NAMES]), len(names) - MOST_NAMES
    told += [f"{rest} more"] if rest > 0 else []
    return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)


def why_of(pair: Pair, choice: Choice, advice: Advice) -> str:
    """One traffic in one sentence, without its name."""
    names = {"serverless": pair.function, "container": pair.service}
    if choice.side == "open":
        return f"it is open: {why_open(pair, choice)}"
    of_run = choice.by == "money" and choice.cost.basis != "forecast"
    own_mix = f", {basis_words(choice.cost.basis)}" if of_run else ""
    if choice.side == "tie":
        by = "" if advice.recommendation == "cannot decide yet" else ", so that the scorecard chooses"
        return f"both sides hold and neither is clearly cheaper{own_mix}{by}"
    chosen = names[choice.side]
    other = names["container" if choice.side == "serverless" else "serverless"]
    if choice.by == "objective":
        mix = "" if choice.function.forecast and choice.service.forecast else ", by the run's own mix"
        return f"{other} is beyond the objective, and {chosen} holds it{mix}"
    holds = " and holds the objective" if pair.objective is not None else ""
    bounded = f" ({pair.service}'s cost is only bounded)" if choice.cost.is_bound else ""
    return f"{chosen} costs less than {other}{holds}{own_mix}{bounded}"


def why_open(pair: Pair, choice: Choice) -> str:
    """The finding that leaves a traffic open, without the fix that its reason bears."""
    if choice.function.fit == choice.service.fit == "beyond":
        return "neither side meets the objective in this size"
    unclear = [f for f in (choice.function, choice.service) if f.fit not in ("within", "beyond")]
    if not unclear and choice.cost.is_bound:
        return f"neither side is clearly cheaper, for {pair.service}'s cost is only bounded"
    reasons = unclear[0].reasons if unclear else choice.cost.reasons
    return reasons[0].removeprefix(f"{choice.profile}: ").split(";")[0]


def how_sure(pair: Pair, advice: Advice) -> str:
    """The closest of all calls, and on how many rounds and resamples it rests; empty where nothing was called."""
    calls = [call for choice in advice.choices for call in calls_of(pair, choice)]
    if not calls:
        return ""
    closest = min(calls, key=lambda call: call.room)
    rests = f"rests on {plural(pair.rounds, 'round')}"
    if closest.forecast and pair.forecast is not None:
        rests += f" and {plural(pair.forecast.resamples, 'resample')} of the forecast"
    return f"{rests}; closest call: {closest.words}"


def calls_of(pair: Pair, choice: Choice) -> Iterator[Call]:
    """Those that another answer of this traffic would turn on: money not where the objective chose, of a dear side
    no latency."""
    if choice.by == "money" and (call := cost_call(pair, choice)):
        yield call
    by_side = {"serverless": (pair.function, choice.function), "container": (pair.service, choice.service)}
    asked = [choice.side] if choice.by == "money" and choice.side in by_side else list(by_side)
    for side in asked:
        target, finding = by_side[side]
        if call := latency_call(pair, choice.profile, target, finding):
            yield call


def cost_call(pair: Pair, choice: Choice) -> Call | None:
    """What the function costs of what the service does; even is 1."""
    ratio = choice.cost.ratio
    if ratio is None or ratio.value is None:
        return None
    text, forecast = cell(ratio), choice.cost.basis == "forecast"
    interval = f" ({text.small})" if text.small else " (no interval)"
    bounded = ", only bounded" if choice.cost.is_bound else ""
    words = f"under {choice.profile} {pair.function} costs {text.main}{interval} times what {pair.service} does"
    return Call(f"{words}, {basis_words(choice.cost.basis)}{bounded}", room(ratio, 1), forecast)


def latency_call(pair: Pair, profile: str, target: str | None, finding: LatencyFinding) -> Call | None:
    """A percentile beside the objective."""
    objective, latency = pair.objective, finding.latency
    if objective is None or latency is None or latency.value is None:
        return None
    told = f"p{objective.percentile:g} of {target} is {milliseconds_of(latency)}"
    basis = basis_words("forecast" if finding.forecast else "run")
    words = f"under {profile} {told} against {figure(objective.latency_ms)} ms, {basis}"
    return Call(words, room(latency, objective.latency_ms), finding.forecast)


def basis_words(basis: Basis | None) -> str:
    """What a figure is of; without a cost to tell, what the latency is of."""
    return "forecast" if basis == "forecast" else f"by {BASIS_WORDS[basis or 'run']}"


def room(estimate: Estimate, limit: float) -> float:
    """Of the end that is nearer to the limit; without that end there is none."""
    below = estimate.value is not None and estimate.value <= limit
    end = estimate.high if below else estimate.low
    if end is None or end <= 0 or math.isinf(end):
        return -math.inf
    return math.log(limit / end if below else end / limit)
