"""The rows of a review's evidence: a JSON file beside it, one figure a line, that the review cites by its sha256."""

import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from harness.errors import RecordError, UsageError
from harness.files.problems import problems_in
from harness.files.strict_json import strict_json
from harness.files.whole import inside, one_line, read_file
from harness.review.record import Evidence

MOST_BYTES = 8_000_000
MOST_PROBLEMS = 20


def write_evidence(evidence: Evidence) -> bytes:
    """The file's bytes, the same for the same evidence; ASCII only."""
    fields = evidence.model_dump(by_alias=True)
    figures = fields.pop("figures")
    head = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in fields.items()]
    rows = ",\n".join(json.dumps(figure, allow_nan=False) for figure in figures)
    return ("{" + ",\n".join([*head, f'"figures": [\n{rows}\n]']) + "}\n").encode()


def read_evidence(review: Path, file: str) -> tuple[Evidence, str]:
    """The evidence that lies beside a review, and the sha256 of what lies there. UsageError with every problem."""
    place = review.with_name(file)
    try:
        data = read_file(inside(review.parent.resolve(), file), MOST_BYTES)
        return Evidence.model_validate(strict_json(data)), hashlib.sha256(data).hexdigest()
    except OSError as error:
        raise UsageError([f"{place}: not readable ({error.strerror}): restore it, {review.name} cites it"]) from None
    except RecordError as error:
        raise UsageError([str(error)]) from None
    except ValidationError as error:
        problems = problems_in(error)
        more = [f"{place}: and {len(problems) - MOST_PROBLEMS} more"] if len(problems) > MOST_PROBLEMS else []
        raise UsageError([f"{place}: {line}" for line in problems[:MOST_PROBLEMS]] + more) from None
    except ValueError as error:
        raise UsageError([f"{place}: is no JSON as Frostline writes it: {one_line(str(error))}: restore it"]) from None
