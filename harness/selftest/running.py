"""`frostline selftest`: the checks as they come, then truth beside measurement, and the exit code.

0: every check holds. 1: one does not. 4: none fails, but of some scenario nothing is said, for the machine was busy.
"""

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.files.text import harmless
from harness.measure.watchers import LogWatcher, watcher
from harness.record.figures import figure
from harness.report.formats import ProgressFormat
from harness.selftest.check import SELFTEST_SCHEMA, Check, Unjudged
from harness.selftest.examination import examine

BUSY_EXIT = 4


def run_selftest(
    names: list[str],
    only: list[str],
    results: Path,
    format_: ProgressFormat,
    console: Console,
    wait: bool = False,
    trace: Path | None = None,
) -> int:
    """Print every check and return the exit code. JSON goes to standard output, progress to standard error."""
    progress = Console(stderr=True, highlight=False) if format_ == "json" else console
    checks: list[Check | Unjudged] = []
    with closing(watcher(progress)) as log:
        for check in examine(names, only, results, log, wait, trace):
            checks.append(check)
            log.say(check_line(check))
    return conclude(checks, format_, console, log)


def conclude(results: list[Check | Unjudged], format_: ProgressFormat, console: Console, log: LogWatcher) -> int:
    """Print everything once more, together. A wrong measurement weighs more than what could not be judged."""
    checks = [check for check in results if isinstance(check, Check)]
    unjudged = [scenario for scenario in results if isinstance(scenario, Unjudged)]
    if format_ == "json":
        fields = {
            "checks": [check.to_json() for check in checks],
            "unjudged": [asdict(scenario) for scenario in unjudged],
        }
        print(json.dumps({"schema": SELFTEST_SCHEMA, **fields}, indent=2))
    else:
        console.print(check_table(checks))
    failed = [check for check in checks if not check.ok]
    log.say(f"{len(checks) - len(failed)} of {len(checks)} checks hold")
    for scenario in unjudged:
        log.say(check_line(scenario))
    if failed or not results:
        return 1
    return BUSY_EXIT if unjudged else 0


def check_line(check: Check | Unjudged) -> str:
    """The line with which a log says how one check came out."""
    if isinstance(check, Unjudged):
        return f"NOT JUDGED {check.target}: {check.scenario}: the machine was too busy, so nothing is said: {check.why}"
    verdict = "ok  " if check.ok else "FAIL"
    return f"{verdict} {check.target}: {check.name}: truth {spell(check.truth)}, measured {spell(check.measured)}"


def check_table(checks: list[Check]) -> Table:
    """Truth beside measurement: a row for each check, a pair of columns for each target."""
    names = list(dict.fromkeys(check.target for check in checks))
    results = {(check.name, check.target): check for check in checks}
    grid = Table(title="truth | measured", title_justify="left", box=None, pad_edge=False)
    grid.add_column("check")
    for name in names:
        grid.add_column(harmless(name), justify="right")
    for label in dict.fromkeys(check.name for check in checks):
        grid.add_row(harmless(label), *(cell(results.get((label, name))) for name in names))
    return grid


def cell(check: Check | None) -> str:
    """Both numbers in one cell; a check that does not hold is marked."""
    if check is None:
        return "–"  # noqa: RUF001
    return f"{spell(check.truth)} | {spell(check.measured)}{'' if check.ok else ' FAIL'}"


def spell(value: float | str | None) -> str:
    """A whole number as it is, others to three digits."""
    if value is None or isinstance(value, str):
        return harmless(value or "nothing")
    return f"{value:,}" if isinstance(value, int) else figure(value)
