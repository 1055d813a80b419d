"""A workflow of GitHub Actions, written into the repository that the command is given in."""

import re
from pathlib import Path

from harness.errors import UsageError
from harness.schedule.starters import Job, refuse_foreign, write

FILE = Path(".github/workflows/frostline-remeasure.yml")
MARK = "# Written by `frostline schedule install --with github`."
PLAIN = re.compile(r"[A-Za-z0-9._/+-]+")
"""Paths that neither YAML, nor the shell, nor GitHub's expressions take for anything else."""
WORKFLOW = """{mark}
# GitHub disables scheduled workflows in public repositories after 60 days without activity, so a quiet one loses this
# schedule: `frostline review check` says when measurements are stale, and --with eventbridge does not depend on it.
# Runs may be late or dropped when GitHub is busy. A runner starts with an empty engine and only with what is in the
# repository: add the run (git add --force {results}/runs/...) if the next quarter is to know this one. Its images are
# then made again where base, code and packages are still the same; otherwise the run says that it has no anchor.
name: frostline-remeasure
on:
  schedule:
    - cron: "{cron}"
  workflow_dispatch:
permissions:
  contents: read
concurrency: frostline-remeasure
jobs:
  remeasure:
    runs-on: ubuntu-24.04
    timeout-minutes: 350
    steps:
      - uses: actions/checkout@v4
      - run: make install
      - run: .venv/bin/frostline remeasure --if-due --plan {plan} --results {results}
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: frostline-results
          path: {results}
          if-no-files-found: ignore
          retention-days: 90
"""


class GitHub:
    """The project's own commands, and no action but GitHub's own for checkout and upload."""

    name = "github"

    def check(self, job: Job) -> None:
        """Schedule and results must lie in this repository; a workflow of this name must be ours."""
        problems = []
        for path in (job.plan, job.results):
            if not path.is_relative_to(job.folder):
                problems.append(f"{path} lies outside {job.folder}, where a workflow cannot see it: move it there")
            elif not PLAIN.fullmatch(str(path.relative_to(job.folder))):
                problems.append(f"{path}: use letters, digits and ._+-/ only in the name, for a workflow holds it")
        if problems:
            raise UsageError(problems)
        refuse_foreign(job.folder / FILE, MARK)

    def install(self, job: Job) -> list[str]:
        """Write the workflow."""
        write(job.folder / FILE, workflow(job))
        return [
            f"written: {FILE}; commit it together with the schedule to the default branch",
            "GitHub disables scheduled workflows in public repositories after 60 days without activity",
        ]

    def remove(self, job: Job) -> list[str]:
        """Say what stops it."""
        return [f"delete {FILE} from the default branch"]


def workflow(job: Job) -> str:
    """Text of the workflow."""
    plan, results = (path.relative_to(job.folder).as_posix() for path in (job.plan, job.results))
    return WORKFLOW.format(mark=MARK, cron=job.moment.cron, plan=plan, results=results)


STARTER = GitHub()
