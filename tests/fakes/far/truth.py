"""What the far platform really did. It tells nobody; a test may name a folder in which it is written down."""

import json
import os
from pathlib import Path

from targets.events import EventLog

EVENTS = "platform.jsonl"
BILLS = "bills.jsonl"


class Truth:
    """Events as a deployment of this machine logs them, and a line for each request that was carried out."""

    def __init__(self, folder: str | None) -> None:
        self.events = EventLog(Path(folder) / EVENTS if folder else Path(os.devnull))
        self._bills = (Path(folder) / BILLS if folder else Path(os.devnull)).open("ab", buffering=0)

    def bill(self, **facts: object) -> None:
        """What one request cost, and whether its lines were ever mailed."""
        self._bills.write(json.dumps(facts).encode() + b"\n")
