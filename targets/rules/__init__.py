"""How platforms decide to start and stop units: pure, told the time and never reading it, of the standard library.

Each file that sets RULE is the autoscaler of a service. What lambda_pool sets is none: it is the pool of a function.
"""

import pkgutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from targets.names import files_by_name, passed_over
from targets.names import read as read_file
from targets.rules.contract import Rule
from targets.rules.parameters import meant, quote, read

__path__ = pkgutil.extend_path(__path__, __name__)


@cache
def _files() -> dict[str, Path]:
    return files_by_name("rule", "RULE", __path__)


def rule_names() -> list[str]:
    """Names of the rules there are, found by listing this folder and others like it."""
    return sorted(_files())


def no_rules() -> list[str]:
    """What lies in plug-ins' folders of rules and is none, a line each."""
    return passed_over("RULE", __path__[1:])


def rule(name: str) -> type[Rule]:
    """The rule of this name, written with - or _. KeyError when there is none, Unreadable when it cannot be had."""
    name = name.replace("_", "-")
    found: type[Rule] = read_file("rule", name, "RULE", "targets.rules", _files()[name])
    return found


def parse(name: str, settings: Mapping[str, str | float]) -> Rule:
    """The rule of this name with parameters as somebody wrote them, as in --set NAME=VALUE; defaults for the others.

    ValueError with a line for each that is wrong.
    """
    try:
        kind = rule(name)
    except KeyError:
        names = rule_names()
        raise ValueError(f"rule: {quote(name)} is not accepted: {meant(name.replace('_', '-'), names)}") from None
    made: Rule = read(kind, kind.name, settings)
    return made
