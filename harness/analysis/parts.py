"""Where the time of a request goes in a target of several parts, and what each of them uses."""

from collections.abc import Iterator

import numpy as np

from harness.analysis.over_trials import percentile_over_trials
from harness.analysis.stats import TrialValues
from harness.analysis.summary import PartFigures
from harness.analysis.trial_figures import TrialFigures
from harness.analysis.usage import POLLED, usage_of
from harness.record.nouns import Case, TrialRecord
from harness.record.target_facts import PartFacts, TargetFacts

NONE = TrialValues.of(np.empty(0))


def parts_of(
    records: list[TrialRecord], figures: list[TrialFigures], case: Case, target: TargetFacts
) -> list[PartFigures]:
    """Each part of a target of several; none of a target that is one."""
    return list(_parts(records, figures, case, target)) if len(target.parts) > 1 else []


def _parts(
    records: list[TrialRecord], figures: list[TrialFigures], case: Case, target: TargetFacts
) -> Iterator[PartFigures]:
    told = target.capabilities.get("usage", POLLED)
    for place, part in enumerate(target.parts):
        further = part.name if place else None
        values = [values_of(figure, part, further is None) for figure in figures]
        own = [each["handler"] for each in values]
        yield PartFigures(
            name=part.name,
            kind=part.kind,
            requests=sum(map(len, own)),
            own_p50_ms=percentile_over_trials(own, 0.5),
            own_p95_ms=percentile_over_trials(own, 0.95),
            waited_p50_ms=percentile_over_trials([each["waited"] for each in values], 0.5) if further else None,
            queue_p95_ms=percentile_over_trials([each["queue"] for each in values], 0.95) if further else None,
            usage=usage_of(records, case, told, further),
            units=max((sum(unit.part == further for unit in record.units) for record in records), default=0),
        )


def values_of(figures: TrialFigures, part: PartFacts, is_first: bool) -> dict[str, TrialValues]:
    """One trial's values of a part, by PART_FIGURES; of the first only its own time."""
    if is_first:
        return {"handler": figures.own or NONE}
    none = dict.fromkeys(("waited", "queue", "handler"), NONE)
    return none | figures.parts.get(part.name, {})
