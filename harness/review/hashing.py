"""What a review calls a run by: one hash over everything that its numbers come from."""

import hashlib

from harness.errors import RecordError
from harness.files.whole import inside, sha256
from harness.record.folder import RunFolder

FILES = ("manifest.json", "trials.jsonl")


def run_hash(run: RunFolder) -> str:
    """sha256 over the sha256 of both text files and, by path, of every data file as its trial's line states it.

    That the data files still are what the lines state is another question: `damages` answers it.
    """
    stated = {(name, digest) for record in run.trials() for name, digest in record.files.items()}
    try:
        own = [(name, sha256(inside(run.path, name))) for name in FILES]
    except OSError as error:
        raise RecordError(f"run {run.manifest.run}: not readable ({error.strerror}): restore it") from None
    text = "".join(f"{digest}  {name}\n" for name, digest in [*own, *sorted(stated)])
    return hashlib.sha256(text.encode()).hexdigest()


def damages(run: RunFolder) -> list[str]:
    """Data files that are not what their trial's line states."""
    return [text for record in run.trials() for text in run.damaged(record)]
