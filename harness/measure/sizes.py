"""Sizes that this machine cannot hold, said before anything is packaged: what is asked for, and what there is."""

from collections.abc import Iterable

import targets
from harness.experiment.question import Experiment
from targets.contract import MB_PER_VCPU, DeploymentError, Kind, Order, Shortage, Sized, Target


def shortage_problems(experiment: Experiment, names: Iterable[str]) -> list[str]:
    """One line for each cause, whatever number of targets has it."""
    problems: dict[str, None] = {}
    for name in names:
        target = targets.target(name)
        more = experiment.scale_out.starts if experiment.scale_out and target.capabilities.scale_out else 0
        kinds: dict[str, Kind] = {part.name: part.kind for part in target.parts}
        for workload in experiment.workloads:
            place = f"workloads.{workload.key}.sizing." if workload.sizing else "sizing."
            sizing = workload.sized(experiment.sizing)
            further = sizing.of_further(target.parts)
            order = Order("", sizing.of(target.parts[0]), experiment.settings_of(target), further)
            for shortage in shortages_of(target, order, more):
                hint = f", or lower scale_out.starts ({more})" if more and shortage.units > 1 else ""
                kind = kinds.get(shortage.part, target.parts[0].kind)
                problems[_problem(kind, shortage, place) + hint] = None
    return list(problems)


def shortages_of(target: Target, order: Order, more: int = 0) -> list[Shortage]:
    """What the target says is lacking; nothing where no machine of ours holds its units, or nobody says what it has."""
    if not isinstance(target, Sized):
        return []
    try:
        return target.shortages(order, more)
    except DeploymentError:  # target.missing tells that, and deploying it would
        return []


def function_problem(field: str, shortage: Shortage) -> str:
    """The line for one sandbox, whose memory is `field`."""
    if shortage.what == "memory_mb":
        return f"{field}: {shortage.asked:g} MB are asked for, and this machine has {shortage.present:g}: lower it"
    return (
        f"{field}: its vCPU follows it and is {shortage.asked:.3g}, and this machine has {shortage.present:g}: "
        f"set it to {int(shortage.present * MB_PER_VCPU)} at most"
    )


def _problem(kind: Kind, shortage: Shortage, place: str) -> str:
    if kind == "function":
        return function_problem(f"{place}function_memory_mb", shortage)
    asked, present = f"{shortage.asked:g}", f"{shortage.present:g}"
    if shortage.what == "cpus":
        return f"{place}service_cpus: {asked} are asked for, and this machine has {present}: lower it"
    if shortage.units == 1:
        return f"{place}service_memory_mb: {asked} MB are asked for, and this machine has {present}: lower it"
    return (
        f"replicas: {shortage.units} units with {asked} MB each are asked for, and this machine has {present} MB: "
        f"set replicas to {int(shortage.present // shortage.asked)} at most, or {place}service_memory_mb to less"
    )
