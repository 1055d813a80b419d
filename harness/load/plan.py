"""What a load process is told: where to send, when, what. Files in one folder, so that workers share bytes."""

import array
import json
import struct
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.errors import TrialError
from loadprofiles.contract import fingerprint

SCHEDULE, BODIES, PLAN = "schedule.f64", "bodies.bin", "plan.json"


@dataclass(frozen=True)
class LoadPlan:
    """One schedule for one deployment. `endpoints` are (host, port, path), taken in turn, as are the bodies."""

    folder: str
    endpoints: list[tuple[str, int, str]]
    sha256: str
    seconds: float
    method: str = "POST"
    timeout_s: float = 60.0
    cap: int = 20_000
    """Most requests in flight; an arrival beyond it is shed, and counted."""
    prewarm: int = 16
    fresh_connections: bool = False
    keep_replies: bool = True
    kept_header: str = ""
    report_to_locust: bool = False

    @property
    def drain_s(self) -> float:
        """How long after the last arrival replies are waited for: every request then has timed out or ended."""
        return self.timeout_s + 5

    def write(self, offsets: "array.array[float]", bodies: list[bytes]) -> None:
        """Put the schedule, the bodies and this plan into the folder."""
        folder = Path(self.folder)
        (folder / SCHEDULE).write_bytes(offsets.tobytes())
        (folder / BODIES).write_bytes(b"".join(struct.pack("<I", len(body)) + body for body in bodies))
        (folder / PLAN).write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: str) -> "LoadPlan":
        """The plan in this folder."""
        fields = json.loads((Path(folder) / PLAN).read_text())
        fields["endpoints"] = [tuple(endpoint) for endpoint in fields["endpoints"]]
        return cls(**fields)

    def offsets(self) -> "array.array[float]":
        """The schedule, in seconds. TrialError when it is not the one that was planned."""
        offsets = array.array("d")
        offsets.frombytes((Path(self.folder) / SCHEDULE).read_bytes())
        if fingerprint(offsets) != self.sha256:
            raise TrialError("the schedule on disk is not the one that was planned")
        return offsets

    def bodies(self) -> list[bytes]:
        """The request bodies; at least one."""
        data, bodies, at = (Path(self.folder) / BODIES).read_bytes(), [], 0
        while at < len(data):
            (size,) = struct.unpack_from("<I", data, at)
            bodies.append(data[at + 4 : at + 4 + size])
            at += 4 + size
        return bodies or [b""]

    def output(self, kind: str, rank: int) -> Path:
        """Where worker `rank` leaves its records, replies or errors."""
        return Path(self.folder) / f"{kind}.{rank}"
