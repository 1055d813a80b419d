"""The service level objective that a run was measured for."""

from typing import Any

from pydantic import Field, ValidationError

from harness.errors import RecordError
from harness.part import Part
from harness.problems import problems_in


class Objective(Part):
    """This percentile of latency, counted from the schedule, is at most this long."""

    percentile: float = Field(95, ge=50, le=99.9)
    latency_ms: float = Field(gt=0)


def objective_of(experiment: dict[str, Any]) -> Objective | None:
    """From the experiment that a run stores. RecordError when it is malformed."""
    given = experiment.get("objective")
    if given is None:
        return None
    try:
        return Objective.model_validate(given)
    except ValidationError as error:
        raise RecordError("\n".join(f"experiment: objective.{line}" for line in problems_in(error))) from None
