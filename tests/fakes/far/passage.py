"""What happened to one request, and how the platform words it later."""

import math
from dataclasses import dataclass

MS = 1_000_000


@dataclass
class Passage:
    """Durations in ns of the far clock."""

    request_id: str
    unit: str = ""
    start_type: str = "warm"
    init_ns: int | None = None
    """The start that came before the invocation."""
    cut_ns: int | None = None
    """The start that overran its limit and was cut off."""
    again_ns: int | None = None
    """The start that was made within the invocation."""
    begun_ns: int = 0
    ended_ns: int = 0
    memory_mb: int | None = None
    failed: bool = False
    """The runtime ended, or was killed, before it answered."""

    @property
    def duration_ns(self) -> int:
        """Of the invocation."""
        return self.ended_ns - self.begun_ns

    @property
    def billed_ms(self) -> int:
        """Whole ms; a start that was made for this request is paid for."""
        made_for_it = self.init_ns or 0 if self.start_type == "cold" else 0
        return math.ceil((self.duration_ns + made_for_it) / MS)

    def lines(self, memory_mb: int) -> list[str]:
        """The log of it, as Lambda would write it, with what is said of a proactive start as well."""
        facts = {
            "RequestId": self.request_id,
            "Duration": _ms(self.duration_ns),
            "Billed Duration": f"{self.billed_ms} ms",
            "Memory Size": f"{memory_mb} MB",
        }
        if self.memory_mb is not None:
            facts["Max Memory Used"] = f"{self.memory_mb} MB"
        if self.init_ns is not None:
            facts["Init Duration"] = _ms(self.init_ns)
        if self.start_type == "proactive":
            facts["Initialization"] = "proactive"
        return [
            f"START RequestId: {self.request_id}\tUnit: {self.unit}",
            *self._init_reports(),
            "REPORT " + "\t".join(f"{name}: {value}" for name, value in facts.items()),
        ]

    def _init_reports(self) -> list[str]:
        lines = []
        if self.cut_ns is not None:
            lines.append(f"INIT_REPORT Init Duration: {_ms(self.cut_ns)}\tPhase: init\tStatus: timeout")
        if self.again_ns is not None:
            lines.append(f"INIT_REPORT Init Duration: {_ms(self.again_ns)}\tPhase: invoke")
        return lines


def _ms(duration_ns: int) -> str:
    return f"{duration_ns / MS:.2f} ms"
