"""manifest.json and trials.jsonl, from bytes that a stranger may have written to records, or all that is wrong."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from harness.errors import RecordError
from harness.files.problems import problems_in, quote
from harness.files.strict_json import strict_json
from harness.files.whole import one_line, safe_name
from harness.record.forms import Record
from harness.record.nouns import RUN_SCHEMA, Manifest, TrialRecord
from harness.record.upgrade import OLD_SCHEMA, upgrade_manifest, upgrade_trial

MOST_PROBLEMS = 50
Kind = TypeVar("Kind", bound=Record)


def trial_key(record: TrialRecord) -> tuple[str, int]:
    """What no two lines of trials.jsonl share."""
    return record.trial, record.attempt


def read_manifest(text: bytes, file: Path) -> tuple[Manifest, str]:
    """A manifest and the version that it is stored in. RecordError with every problem."""
    data = read_known(text, file, (RUN_SCHEMA, OLD_SCHEMA))
    stored_as: str = data["schema"]
    return validate(Manifest, upgrade_manifest(data) if stored_as == OLD_SCHEMA else data, file), stored_as


def read_record(kind: type[Kind], text: bytes, file: Path, schemas: tuple[str, ...], otherwise: str = "") -> Kind:
    """A JSON file of a known version. RecordError with all problems; `otherwise` is what can be done but restore it."""
    return validate(kind, read_known(text, file, schemas, otherwise), file)


def read_known(text: bytes, file: Path, schemas: tuple[str, ...], otherwise: str = "") -> dict[str, Any]:
    """The object of a JSON file whose schema is one of these. RecordError for any other."""
    try:
        data = strict_json(text)
    except ValueError as error:
        raise RecordError(f"{file}: not JSON ({one_line(str(error))}): restore it{otherwise}") from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if not isinstance(data, dict) or schema not in schemas:
        problem = f"schema {quote(schema)} is not known, this reader knows {' and '.join(map(repr, schemas))}"
        raise RecordError(f"{file}: {problem}: use its version{otherwise}")
    return data


def validate(kind: type[Kind], data: dict[str, Any], file: Path) -> Kind:
    """A record from what a file holds. RecordError with every problem."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise RecordError("\n".join(brief(problems_of(error, str(file))))) from None


def read_trials(lines: Iterable[bytes], file: Path, stored_as: str = RUN_SCHEMA) -> list[TrialRecord]:
    """Read every line of trials.jsonl, or raise one RecordError with all problems."""
    records: dict[tuple[str, int], TrialRecord] = {}
    problems = []
    for number, line in enumerate(lines, 1):
        place = f"{file}: line {number}"
        try:
            data = strict_json(line)
            record = TrialRecord.model_validate(upgrade_trial(data) if stored_as == OLD_SCHEMA else data)
            safe_name(record.trial, "trial")
        except ValidationError as error:
            problems += problems_of(error, place)
        except ValueError as error:
            problems.append(f"{place}: all: Invalid JSON: {one_line(str(error))}")
        except RecordError as error:
            problems.append(f"{place}: {error}")
        else:
            if trial_key(record) in records:
                problems.append(f"{place}: trial {record.trial!r} attempt {record.attempt} is there twice: delete one")
            records[trial_key(record)] = record
    if problems:
        raise RecordError("\n".join([*brief(problems), "restore the lines named, or delete them and resume the run"]))
    return list(records.values())


def problems_of(error: ValidationError, place: str) -> list[str]:
    """One line per problem: field, value, what is wrong."""
    return [f"{place}: {f'all{line}' if line.startswith(': ') else line}" for line in problems_in(error)]


def brief(problems: list[str]) -> list[str]:
    """The first problems, and how many more there are."""
    rest = len(problems) - MOST_PROBLEMS
    return problems if rest <= 0 else [*problems[:MOST_PROBLEMS], f"and {rest} more"]
