"""Whether workloads can run on targets of several parts: known before anything starts."""

from collections.abc import Iterable, Iterator, Sequence

import targets
from harness.experiment.pieces import WorkloadChoice
from harness.files.text import harmless
from harness.files.whole import one_line
from targets.names import FAULTS
from targets.workloads.contract import why_whole


def split_problems(choices: Iterable[WorkloadChoice], names: Sequence[str]) -> Iterator[str]:
    """A line for each workload that does not split, where a target of several parts is asked for."""
    several = [name for name in names if len(targets.target(name).parts) > 1]
    for choice in choices if several else ():
        try:
            why = why_whole(choice.resolve())
        except FAULTS:  # it has problems of its own, which are told elsewhere
            continue
        if why is not None:
            yield f"{', '.join(several)}: {one_line(harmless(why))}"
