"""The sampler's process: a line of JSON a look until its standard input ends. So the trial's own threads wait for no
driver, and a driver that hangs or ends a process ends this one."""

import json
import select
import sys

from harness.clock import now_ns
from harness.measure.gpus.nvml import NvmlGone, opened

INTERVAL_NS = 100_000_000


def main() -> None:
    """{"at_ns", "gpus": [figures of each]} a line; {"error"} is the last where the driver has ceased to answer."""
    try:
        with opened() as nvml:
            due_ns = now_ns()
            while True:
                _tell({"at_ns": now_ns(), "gpus": nvml.look()})
                due_ns = max(due_ns + INTERVAL_NS, now_ns())
                if select.select([sys.stdin], [], [], max(0, due_ns - now_ns()) / 1e9)[0]:
                    break
            _tell({"at_ns": now_ns(), "gpus": nvml.look()})  # the last: energy is counted to here
    except NvmlGone as error:
        _tell({"error": str(error)})


def _tell(line: dict[str, object]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
