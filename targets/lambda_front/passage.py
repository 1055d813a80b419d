"""What happens to one request on its way through the pool."""

from dataclasses import dataclass, field
from typing import Any

from targets.lambda_front.log_tail import Report


@dataclass
class Passage:
    """`facts` go into the reply's timeline header; `report` is made where the caller wants a log."""

    received_ns: int
    request_id: str = ""
    wants_log: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    report: Report | None = None
