"""What there is to choose from, with a line each."""

from collections.abc import Callable

import targets
from harness.errors import UsageError
from harness.experiment.profiles import no_profiles, profile, profile_names
from harness.experiment.question import experiment_names, read_experiment
from harness.files.text import harmless
from harness.files.whole import one_line
from harness.load.senders import no_senders
from targets import rules

Lines = list[tuple[str, str]]
UNREAD = "cannot be read: "


def listing() -> dict[str, Lines]:
    """Headings with (name, line) pairs; everything is found by listing folders."""
    return {
        "Experiments": _lines(experiment_names(), _experiment),
        "Workloads": _lines(targets.workload_names(), lambda name: targets.workload(name).summary),
        "Targets": _lines(targets.target_names(), lambda name: _first_line(type(targets.target(name)))),
        "Load profiles": _lines(profile_names(), lambda name: _first_line(profile(name))),
        "Rules of a service's replicas": _lines(rules.rule_names(), lambda name: _first_line(rules.rule(name))),
    }


def _lines(names: list[str], summary: Callable[[str], str]) -> Lines:
    """One that cannot be read says so, and keeps none of the others from the list."""
    return [(name, _line(name, summary)) for name in names]


def _line(name: str, summary: Callable[[str], str]) -> str:
    try:
        return one_line(harmless(summary(name)))
    except UsageError as error:
        why = error.problems[0]
    except targets.Unreadable as error:
        why = error.why
    except targets.names.FAULTS as error:  # a stranger's object that is none of what it is listed as
        why = str(error)
    return f"{UNREAD}{one_line(harmless(why))}"


def unusable() -> list[str]:
    """What cannot be read of all that is listed, and what lies beside it and is passed over, a line each."""
    lines = [f"{name} {line}" for lines in listing().values() for name, line in lines if line.startswith(UNREAD)]
    beside = [*targets.no_workloads(), *targets.no_targets(), *no_profiles(), *no_senders(), *rules.no_rules()]
    return lines + [one_line(harmless(line)) for line in beside]


def _experiment(name: str) -> str:
    experiment = read_experiment(name)
    return f"{experiment.question} ({experiment.rounds} rounds)"


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().split("\n")[0]
