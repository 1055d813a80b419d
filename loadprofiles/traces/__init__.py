"""Files of recorded traffic, read into arrivals: which formats there are, what is kept, what is dropped and why."""

from loadprofiles.traces.reading import read_trace
from loadprofiles.traces.trace import Choice, Trace, TraceError

__all__ = ["Choice", "Trace", "TraceError", "read_trace"]
