"""Everything that stops Frostline. A failed request is a row, never an exception.

FrostlineError
├── UsageError          exit 2: a name, value or file that cannot be used; lists every problem at once
├── MissingError        exit 3: the environment lacks something; says the fix
├── TrialError          exit 1: the harness could not carry out a trial
├── RecordError         exit 2: a run folder that cannot be read
└── Interrupted         exit 130: stopped by a signal; what was saved stays
"""


class FrostlineError(Exception):
    """The message is for the user and names the fix."""

    exit_code = 1


class UsageError(FrostlineError):
    """What was asked for cannot be done as written."""

    exit_code = 2

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class MissingError(FrostlineError):
    """The environment is missing something."""

    exit_code = 3


class TrialError(FrostlineError):
    """The harness, not the target, failed in a trial."""


class RecordError(FrostlineError):
    """A stored run is not readable as one."""

    exit_code = 2


class Interrupted(FrostlineError):
    """Ctrl-C, SIGTERM or SIGHUP: everything is torn down when this is raised."""

    exit_code = 130
