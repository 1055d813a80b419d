"""`python -m tests.contract.matrix [pytest options]`: what the conformance suite found, target by target."""

import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table


class Matrix:
    """Collects, for each test and target, the word that the test said, or how it ended."""

    def __init__(self) -> None:
        self.cells: dict[str, dict[str, str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """pytest: a phase of a test has ended."""
        name, bracket, target = report.nodeid.rpartition("::test_")[2].rstrip("]").partition("[")
        if not bracket or (report.when != "call" and report.passed):
            return
        found = dict(report.user_properties).get("found", report.outcome)
        self.cells.setdefault(name, {})[target] = str(found) if report.passed else report.outcome.upper()

    def table(self) -> Table:
        """A row for each test, a column for each target."""
        names = sorted({target for row in self.cells.values() for target in row})
        grid = Table(title="conformance", title_justify="left", box=None, pad_edge=False)
        for heading in ("", *names):
            grid.add_column(heading)
        for test, row in self.cells.items():
            grid.add_row(test.replace("_", " "), *(row.get(name, "–") for name in names))  # noqa: RUF001
        return grid


def main() -> int:
    """Run the suite and print."""
    matrix = Matrix()
    code = pytest.main([str(Path(__file__).parent / "test_targets.py"), *sys.argv[1:]], plugins=[matrix])
    Console(width=160).print(matrix.table())
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
