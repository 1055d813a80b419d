"""The self-test's countable checks on a few hundred requests, as a process of its own: TARGET, then a results folder.

No time is judged: how often each thing happened is the same on any machine whose starts take less than
`init_timeout_s`, which one start is told to exceed.
"""

import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

import targets
from harness.measure.watchers import LogWatcher
from harness.selftest.bills import bills, bills_sample
from harness.selftest.examination import judge
from harness.selftest.running import check_line, conclude
from harness.selftest.scenarios import Scenario, workload
from harness.selftest.starts import classes, durations, starts, sums
from harness.selftest.traffic import conservation, out_of_memory, outcomes
from targets.contract import Target


def of_function(isolated: bool) -> Scenario:
    """What can go wrong in a sandbox, then requests so rare that each finds its sandbox evicted.

    Each fault comes several times, for a slow machine throttles while its sandboxes start. Hangs are test_faults'.
    """
    faults = {
        "crash": list(range(25, 300, 30)),
        "overrun": [70, 160, 250] if isolated else [],
        "fail_share": 0.06,
        "wrong_share": 0.06,
        "slow_starts": [2],
        "slow_start_ms": 9000,
    }
    fields = {
        "workloads": [workload("mix", requests=6000, handler_ms=8, handler_sigma=0.5, **faults)],
        "profiles": [{"constant": {"rate": 30, "seconds": 10}}, {"sparse": {"gap_s": 1.2, "seconds": 4}}],
        "function": {"keep_alive_s": 0.5, "concurrency_limit": 4, "timeout_s": 300, "init_timeout_s": 6},
    }
    judges = (classes, starts, sums, outcomes, out_of_memory, conservation)
    return Scenario("counts", fields, judges, timed=False)


def of_far_function() -> Scenario:
    """The same where no log and no clock is shared. Each start for a request brings another sandbox with it, which
    serves when the first one is busy with a reset; so the first unit is the one whose start overruns."""
    scenario = of_function(isolated=False)
    (mixed,) = scenario.fields["workloads"]
    mixed = mixed | {"settings": mixed["settings"] | {"slow_starts": [1]}}
    own = {"far-function": {"proactive_share": 1.0, "keep_alive_s": 2.0}}
    judges = (*scenario.judges, durations, bills, bills_sample)
    return replace(scenario, fields={**scenario.fields, "workloads": [mixed], "settings": own}, judges=judges)


def of_service() -> Scenario:
    """Failures and wrong answers under steady traffic."""
    mixed = workload("mix", handler_ms=8, handler_sigma=0.5, fail_share=0.06, wrong_share=0.06)
    fields = {"workloads": [mixed], "profiles": [{"constant": {"rate": 30, "seconds": 5}}]}
    return Scenario("counts", fields, (classes, outcomes, conservation, durations), timed=False)


def scenario_of(target: Target) -> Scenario:
    if target.parts[0].kind == "service":
        return of_service()
    can = target.capabilities
    return of_function(can.isolated) if can.events else of_far_function()


def main() -> int:
    name, results = sys.argv[1], Path(sys.argv[2])
    target, watcher = targets.target(name), LogWatcher(Console(stderr=True, highlight=False, width=200))
    scenario = scenario_of(target)
    found = []
    for check in judge(scenario, name, results, watcher):
        watcher.say(check_line(check))
        found.append(check)
    return conclude(found, "json", Console(), watcher)
