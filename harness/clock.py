"""The clock that durations are measured with; with harness/calendar.py the only file of harness/ that reads time."""

import time

from targets.clock import clock_id, now_ns, sleep

__all__ = ["clock_id", "cpu_ns", "now_ns", "sleep"]

cpu_ns = time.process_time_ns
"""CPU time of this process, in ns."""
