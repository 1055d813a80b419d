"""What went wrong when pip fetched wheels, from its own words: the advice that fits, and the end of what it said."""

import re
import sys
from collections.abc import Sequence

LAST_LINES = 8
LONGEST_LINE = 300
NO_VERSION = re.compile(r"satisfies the requirement (?P<wanted>.+?) \(from versions: (?P<found>[^)]*)\)")
NEWEST = 5
"""So many of the versions that there are stand in the message."""
NETWORK = re.compile(
    r"connection broken by|NewConnectionError|Failed to establish|name resolution|ConnectTimeout|ReadTimeout"
    r"|Read timed out|ProxyError|SSLError|Connection refused|Connection reset|not a trusted or secure host",
    re.IGNORECASE,
)
REFUSED = re.compile(r"\b(?:401|403|407)\b.*(?:Error|Forbidden|Unauthorized|Credentials)|HTTP error (?:401|403|407)")
NO_SPACE = ("No space left on device", "Disk quota exceeded")
INVALID = re.compile(r"Invalid requirement: (?P<wanted>.+)")
NETWORK_FIX = "check the network and the index that `pip config list` shows"


def download_failure(name: str, requirements: Sequence[str], output: str) -> str:
    """What went wrong and the fix on the first line; what pip said last below it. `name` is the workload's."""
    pins = [line.split(" ")[0] for line in requirements]
    if "No module named pip" in output:
        return f"{sys.executable} has no pip, which fetches the wheels of {name}; run: {sys.executable} -m ensurepip"
    return f"{_reason(name, pins, output)}\n{last_lines(output)}"


def _reason(name: str, pins: Sequence[str], output: str) -> str:
    if "DO NOT MATCH THE HASHES" in output:
        wrong = ", ".join(pin for pin in pins if f"{pin} from" in output) or ", ".join(pins)
        return (
            f"the wheel of {wrong} for workload {name} is not the one whose sha256 is pinned, and was not used; "
            "check the mirror it came from, or correct the Wheel in the workload's file"
        )
    if any(words in output for words in NO_SPACE):
        return (
            f"the disk is full, so that the wheels of {name} could not be fetched; free space for the cache and TMPDIR"
        )
    if "Permission denied" in output:
        return f"the wheels of {name} may not be written where pip puts them; make the folder that pip names yours"
    if match := INVALID.search(output):
        return f"the requirements of {name}: {match['wanted'].strip()} is not accepted: name==version is: correct it"
    if "ResolutionImpossible" in output:
        return f"the requirements of {name} contradict each other ({', '.join(pins)}); change one that pip names"
    if REFUSED.search(output):
        return f"the package index refuses to give the wheels of {name} away; check the credentials that pip is given"
    if NETWORK.search(output):
        return f"no package index could be reached for the wheels of {name} ({', '.join(pins)}); {NETWORK_FIX}"
    if match := NO_VERSION.search(output):
        return _no_version(name, pins, match["wanted"], match["found"])
    return f"pip could not fetch the wheels of {name} ({', '.join(pins)}); see what it says"


def _no_version(name: str, pins: Sequence[str], wanted: str, found: str) -> str:
    """`wanted` is as pip writes it, with whose dependency it is; `found` what there is, or none."""
    own = wanted.split(" ")[0] in pins
    where = f"`requirements` of {name}" if own else f"what `requirements` of {name} depend on"
    what = f"the wheels of {name} could not be fetched: {wanted}"
    versions = [version.strip() for version in found.split(",") if version.strip() not in ("", "none")]
    if not versions:
        return (
            f"{what}: the index has no such package, or no wheel of it for the Python that serves it: "
            f"correct it in {where}, or put a wheel of it into an index that pip is given"
        )
    newest = ", ".join(versions[-NEWEST:])
    return (
        f"{what}: the index has no such version, or no wheel of it for the Python that serves it; the newest that it "
        f"has are {newest}: correct it in {where}"
    )


def last_lines(output: str) -> str:
    """The end of a tool's output, indented: enough to see why it failed."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip() and not line.startswith("WARNING: Location")]
    return "\n".join(f"  {line[:LONGEST_LINE]}" for line in lines[-LAST_LINES:])
