"""What one arrival comes to, from all trials of a row: the measured part of every cost."""

from dataclasses import dataclass, replace

from harness.analysis.stats import CONFIDENCE, centre_over_trials
from harness.cost.metering import Metered
from harness.record.estimate import Estimate

METHOD = "t over trials, log scale"


@dataclass(frozen=True)
class Use:
    """Per scheduled arrival. `billed_s` is of a function, `handler_s` of one that was handled."""

    billed_s: float
    invoked: float
    good: float
    late: float
    bad: float
    handler_s: float

    def without_starts(self, trials: list[Metered]) -> "Use":
        """If no request had met a start."""
        warm_s = sum(one.warm_billed_s for one in trials) / sum(one.arrivals for one in trials)
        return replace(self, billed_s=warm_s, late=0.0)

    def at(self, billed_s: float | None) -> "Use":
        """The same at an end of the interval; unchanged where there is none."""
        return self if billed_s is None else replace(self, billed_s=billed_s)


def use_of(trials: list[Metered]) -> Use | None:
    """Pooled over trials; None when nothing was answered."""
    arrivals, handled = sum(one.arrivals for one in trials), sum(one.handled for one in trials)
    if not arrivals or not handled or not sum(one.good for one in trials):
        return None
    billed = billed_of(trials)
    return Use(
        billed_s=billed.value if billed.value is not None else sum(one.billed_s for one in trials) / arrivals,
        invoked=sum(one.invoked for one in trials) / arrivals,
        good=sum(one.good for one in trials) / arrivals,
        late=sum(one.late for one in trials) / arrivals,
        bad=sum(one.bad for one in trials) / arrivals,
        handler_s=sum(one.handler_s for one in trials) / handled,
    )


def billed_of(trials: list[Metered]) -> Estimate:
    """Billed seconds per arrival with the interval over trials: the trial is the sample."""
    each = [one.billed_s / one.arrivals for one in trials if one.arrivals]
    if not each:
        return Estimate(None, why="no valid trial")
    return centre_over_trials(each, CONFIDENCE, "log", METHOD)
