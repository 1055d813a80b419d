"""A recommendation in words: why this side, how sure, how close the call is, and on how much it rests."""

from collections.abc import Iterator

from harness.decision.latency import LatencyFinding, milliseconds_of
from harness.decision.pair import Pair
from harness.decision.recommendation import Advice, Choice
from harness.record.figures import cell, figure, plural


def why(pair: Pair, advice: Advice) -> list[str]:
    """What settles each traffic, or leaves it open, a sentence each."""
    return advice.obstacles or [why_of(pair, choice, advice) for choice in advice.choices]


def why_of(pair: Pair, choice: Choice, advice: Advice) -> str:
    """One traffic in one sentence."""
    names = {"serverless": pair.function, "container": pair.service}
    where = f"under {choice.profile}"
    if choice.side == "open":
        return f"{where} it is open: {why_open(choice)}"
    if choice.side == "tie":
        by = "" if advice.recommendation == "cannot decide yet" else ", so that the scorecard chooses"
        return f"{where} both sides hold and neither is clearly cheaper{by}"
    chosen = names[choice.side]
    other = names["container" if choice.side == "serverless" else "serverless"]
    if choice.by == "objective":
        return f"{where} {other} is beyond the objective, and {chosen} holds it"
    holds = " and holds the objective" if pair.objective is not None else ""
    return f"{where} {chosen} costs less than {other}{holds}"


def why_open(choice: Choice) -> str:
    """The finding that leaves a traffic open."""
    if choice.function.fit == choice.service.fit == "beyond":
        return "neither side meets the objective in this size"
    for finding in (choice.function, choice.service):
        if finding.fit != "within" and finding.fit != "beyond":
            return "; ".join(finding.reasons)
    return "; ".join(choice.cost.reasons)


def how_sure(pair: Pair, advice: Advice) -> str:
    """On how many rounds and resamples it rests, and how close each traffic is; empty where nothing was chosen from."""
    close = [text for choice in advice.choices for text in closeness(pair, choice)]
    if not close:
        return ""
    rests = f"rests on {plural(pair.rounds, 'round')}"
    if pair.forecast is not None:
        rests += f" and {plural(pair.forecast.resamples, 'resample')} of the forecast"
    return f"{rests}: {'; '.join(close)}"


def closeness(pair: Pair, choice: Choice) -> Iterator[str]:
    """How far costs and latencies are from the other answer."""
    ratio = choice.cost.ratio
    if ratio is not None and ratio.value is not None:
        text = cell(ratio)
        interval = f" ({text.small})" if text.small else " (no interval)"
        yield f"under {choice.profile} {pair.function} costs {text.main}{interval} times what {pair.service} does"
    yield from latency_words(pair, choice.profile, pair.function, choice.function)
    yield from latency_words(pair, choice.profile, pair.service, choice.service)


def latency_words(pair: Pair, profile: str, target: str | None, finding: LatencyFinding) -> Iterator[str]:
    """A percentile against its limit."""
    objective = pair.objective
    if objective is not None and finding.latency is not None and finding.latency.value is not None:
        told = milliseconds_of(finding.latency)
        yield f"p{objective.percentile:g} of {target} is {told} against {figure(objective.latency_ms)} ms"
