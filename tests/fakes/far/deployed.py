"""What anything deployed far away has: an environment that can be changed, tags, and a truth that it tells nobody."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fakes.far.clock import VARIABLE
from tests.fakes.far.truth import Truth

ROOT = Path(__file__).parents[3]
INHERITED = ("PATH", "LANG", "TMPDIR", "HOME", "LD_LIBRARY_PATH", VARIABLE)


class Deployed(ABC):
    """One name's; `order` is what the deploy request said."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        self.tags: dict[str, str] = order["tags"]
        self.environment: dict[str, str] = {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            "PYTHONPATH": os.pathsep.join([str(ROOT), *order["paths"]]),
            "PYTHONUNBUFFERED": "1",
            "FROSTLINE_LEDGER": order["ledger"] or "",
            **order["environment"],
        }
        """Of units that are started from now on."""
        self.truth = Truth(order["ledger"])

    def update(self, environment: dict[str, str]) -> None:
        """Change its environment: nothing that was started before answers again."""
        self.environment = self.environment | environment
        self.renew(anew=False)

    def begin_anew(self, environment: dict[str, str], ledger: str | None) -> None:
        """The same, and everything is as when it was deployed, with another folder for the truth."""
        self.environment = self.environment | environment | {"FROSTLINE_LEDGER": ledger or ""}
        self.truth = Truth(ledger)
        self.renew(anew=True)

    @abstractmethod
    def renew(self, anew: bool) -> None:
        """End every unit there is; `anew`: be as when it was deployed."""

    @abstractmethod
    def close(self) -> None:
        """End every unit and start none any more."""
