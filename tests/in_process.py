"""A command that is carried out in the test's own process, where what it talks to can be replaced."""

import sys

import pytest

from harness.commands.app import main


class CommandLine:
    """Calls commands; returns (exit code, all that was printed)."""

    def __init__(self, monkeypatch, capsys):
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments):
        self._monkeypatch.setattr(sys, "argv", ["frostline", *arguments])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        told = self._capsys.readouterr()
        return ended.value.code or 0, told.out + told.err
