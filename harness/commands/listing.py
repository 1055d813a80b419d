"""What there is to choose from, with a line each."""

import loadprofiles
import targets
from harness.errors import UsageError
from harness.experiment.question import experiment_names, read_experiment

Lines = list[tuple[str, str]]


def listing() -> dict[str, Lines]:
    """Headings with (name, line) pairs; everything is found by listing folders. UsageError where two have one name."""
    try:
        return _lines()
    except ValueError as error:
        raise UsageError([str(error)]) from error


def _lines() -> dict[str, Lines]:
    return {
        "Experiments": [(name, _experiment(name)) for name in experiment_names()],
        "Workloads": [(name, targets.workload(name).summary) for name in targets.workload_names()],
        "Targets": [(name, _first_line(type(targets.target(name)))) for name in targets.target_names()],
        "Load profiles": [(name, _first_line(loadprofiles.profile(name))) for name in loadprofiles.profile_names()],
    }


def _experiment(name: str) -> str:
    try:
        experiment = read_experiment(name)
    except UsageError as error:
        return f"cannot be read: {error.problems[0]}"
    return f"{experiment.question} ({experiment.rounds} rounds)"


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().split("\n")[0]
