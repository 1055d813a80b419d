"""Shows the runs of a search while they go on: a bar on a terminal, no line per trial, for the step's line follows."""

from rich.console import Console

from harness.experiment.plan import Trial
from harness.measure.watchers import TerminalWatcher, watcher
from harness.record.nouns import TrialRecord


class StepWatcher:
    """Passes on what a run says, each line once; a context manager that gives the terminal back."""

    def __init__(self, console: Console) -> None:
        self._shown = watcher(console)
        self._said: set[str] = set()

    def __enter__(self) -> "StepWatcher":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def say(self, line: str) -> None:
        """A line for the user; not that a run begins: each rate is one, and the file names them all."""
        if line not in self._said and not line.startswith("Run "):
            self._said.add(line)
            self._shown.say(line)

    def begin(self, trial: Trial, number: int, of: int) -> None:
        """A trial begins."""
        self._shown.begin(trial, number, of)

    def advance(self, ended: int, of: int) -> None:
        """So many of its requests have ended."""
        self._shown.advance(ended, of)

    def end(self, trial: Trial, record: TrialRecord) -> None:
        """It is stored."""
        self._close()

    def _close(self) -> None:
        if isinstance(self._shown, TerminalWatcher):
            self._shown.close()
