"""Whether two machines have the same Frostline: schedules are only shared among those that send alike."""

import hashlib
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import harness
import harness.load
import loadprofiles
import targets
from targets.clock import clock_id

Identity = Mapping[str, str]
NAMES = {"frostline": "version", "source": "source", "locust": "Locust"}


def identity() -> dict[str, str]:
    """Version, digest of the files that carry a schedule out (a sender on PYTHONPATH is one), and Locust's version."""
    return {"frostline": harness.__version__, "source": source_sha256(), "locust": version("locust")}


def source_sha256() -> str:
    """The digest of those files. What packages and serves models may differ: a worker has no use of it."""
    digest = hashlib.sha256()
    for name, path in sorted(_files()):
        digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _files() -> Iterator[tuple[str, Path]]:
    for root in map(Path, harness.load.__path__):
        yield from ((f"load/{path.relative_to(root).as_posix()}", path) for path in root.rglob("*.py"))
    for package in (harness, targets, loadprofiles):
        root = Path(str(package.__file__)).parent
        yield from ((f"{package.__name__}/{path.name}", path) for path in root.glob("*.py"))


def difference(theirs: Identity, ours: Identity) -> str:
    """What of a worker's Frostline is not as that of its run, in words; "" where nothing is."""
    return " and ".join(
        f"its {word} is {_short(theirs.get(name, ''))}, the run's is {_short(ours[name])}"
        for name, word in NAMES.items()
        if theirs.get(name) != ours[name]
    )


def network_id() -> str:
    """Names the kernel and network namespace in which this process has its loopback; "" where it cannot be told."""
    kernel = clock_id()
    try:
        return f"{kernel}/{Path('/proc/self/ns/net').stat().st_ino}" if kernel else ""
    except OSError:
        return ""


def _short(text: str) -> str:
    return text[:12] or "untold"
