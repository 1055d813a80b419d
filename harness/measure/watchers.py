"""How a run is shown while it goes on: a bar per trial on a terminal, a line per trial in a log."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from harness.experiment.plan import Trial
from harness.files.text import harmless
from harness.files.whole import one_line
from harness.record.nouns import Outcome, TrialRecord

LONGEST_REASON = 200
SHOWN_REASONS = 3
"""So many of a trial's reasons stand under its line; its record has more."""


def watcher(console: Console) -> "LogWatcher | TerminalWatcher":
    """The watcher that fits where the output goes."""
    return TerminalWatcher(console) if console.is_terminal else LogWatcher(console)


def closing_line(record: TrialRecord) -> str:
    """What became of a trial, in a few words, with why answers were not good and every reason to doubt it."""
    others = [f"{count} {name}" for name, count in record.counts.items() if count and name is not Outcome.OK]
    line = f"{record.counts.get(Outcome.OK, 0)} of {record.scheduled} ok"
    line += f", {', '.join(others)}" if others else ""
    line += f", {record.starts} started for requests" if record.starts else ""
    line += f" (attempt {record.attempt})" if record.attempt > 1 else ""
    line += "".join(f"\n    {one_line(str(reason), LONGEST_REASON)}" for reason in record.reasons[:SHOWN_REASONS])
    line += "".join(f"\n    INVALID: {problem}" for problem in record.problems)
    return line + "".join(f"\n    warning: {indent(warning)}" for warning in record.warnings)


def indent(text: str) -> str:
    """The lines below the first further to the right: they belong to it."""
    return text.replace("\n", "\n        ")


class LogWatcher:
    """Shows a run as plain lines, one for each trial that has ended."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._title = ""

    def say(self, line: str) -> None:
        """Print a line for the user."""
        self._print(line)

    def begin(self, trial: Trial, number: int, of: int) -> None:
        """Remember what the line at the end is about."""
        self._title = f"[{number}/{of}] {trial.id}"

    def advance(self, ended: int, of: int) -> None:
        """Do nothing: a log gets a line per trial."""

    def end(self, trial: Trial, record: TrialRecord) -> None:
        """Print the trial's line."""
        self._print(f"{self._title}: {closing_line(record)}")

    def close(self) -> None:
        """Do nothing: a log has no terminal to give back."""

    def _print(self, line: str) -> None:
        self.console.print(
            "\n".join(harmless(part) for part in line.split("\n")), markup=False, highlight=False, soft_wrap=True
        )


class TerminalWatcher(LogWatcher):
    """Shows each trial as a bar that moves, then as its line."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def begin(self, trial: Trial, number: int, of: int) -> None:
        """Show the bar."""
        super().begin(trial, number, of)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._bar = Progress(*columns, console=self.console, transient=True)
        self._task = self._bar.add_task(self._title, total=None)
        self._bar.start()

    def advance(self, ended: int, of: int) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(self._task, completed=ended, total=of)

    def end(self, trial: Trial, record: TrialRecord) -> None:
        """Take the bar away and print the line."""
        self.close()
        super().end(trial, record)

    def close(self) -> None:
        """Give the terminal back, also after an interruption."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
