"""Whatever lies in a review's file: a record or one UsageError comes of it; whatever a run says comes back from one."""

import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.files.strict_json import strict_json
from harness.review.evidence import write_evidence
from harness.review.file import read_front_matter, read_review, tell_apart, write_front_matter
from harness.review.record import Evidence, ReviewRecord
from tests.property.hostile import NASTY, outcome, sound, spoiled

TRIED = settings(max_examples=150, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
HASH = "0" * 64
EVIDENCE = {"id": "E1", "workload": "echo", "target": "docker-lambda", "profile": "steady", "field": "cold_share"}
RECORD = {
    "schema": "frostline/review/1",
    "quarter": "2026-Q4",
    "name": "quickstart",
    "written_on": "2026-11-24",
    "written_by": "0.1.0",
    "experiment": "quickstart",
    "experiment_sha256": HASH,
    "run": "2026-11-03T10-12-05Z_quickstart_7f3a",
    "run_hash": HASH,
    "measured_at": "2026-11-03T10:42:05+00:00",
    "rounds": 10,
    "margin": 0.1,
    "cost_sha256": None,
    "recommendations": [{"workload": "echo", "recommendation": "hybrid"}],
    "primary": "hybrid",
    "triggers": [],
    "previous": None,
    "runs": [{"role": "run", "run": "2026-11-03T10-12-05Z_quickstart_7f3a", "hash": HASH}],
    "evidence": [EVIDENCE | {"case": {"rate": 4.0, "images": "present"}, "value": 0.1, "n": 12}],
}
OF_FORECAST = {"name": "week.jsonl", "source": "trace", "mean_rps": 0.01, "days": 30.0, "sha256": HASH}
NEWER = RECORD | {
    "schema": "frostline/review/2",
    "recommendations": [{"workload": "echo", "recommendation": "split"}],
    "primary": "split",
    "forecast": {"sha256": HASH, "made_at": "2026-11-03T11:00:00+00:00", "traffic": [OF_FORECAST]},
    "evidence": {"file": "2026-Q4_quickstart.evidence.json", "sha256": HASH},
}
ROWS = {
    "schema": "frostline/evidence/1",
    "review": "2026-Q4_quickstart.md",
    "run": "2026-11-03T10-12-05Z_quickstart_7f3a",
    "run_hash": HASH,
    "forecast_sha256": None,
    "figures": RECORD["evidence"],
}
PEOPLE = "\n# Page\n\n<!-- yours: decision -->\n- Decision:\n<!-- end -->\n"
TEXT = write_front_matter(ReviewRecord.model_validate(RECORD)) + PEOPLE


NEW_TEXT = write_front_matter(ReviewRecord.model_validate(NEWER)) + PEOPLE
EVIDENCE_BYTES = write_evidence(Evidence.model_validate(ROWS))


@pytest.mark.parametrize("text", [TEXT, NEW_TEXT], ids=["first form", "with a file of evidence"])
def test_spoiled_files_are_refused_or_read(tmp_path, text):
    file = tmp_path / "2026-Q4_quickstart.md"
    (tmp_path / "2026-Q4_quickstart.evidence.json").write_bytes(EVIDENCE_BYTES)

    @TRIED
    @given(spoiled(text.encode()))
    def check(data):
        file.write_bytes(data)
        outcome(read_review, file)

    check()


def test_spoiled_evidence_is_refused_or_read_and_then_known_as_another(tmp_path):
    file, evidence = tmp_path / "2026-Q4_quickstart.md", tmp_path / "2026-Q4_quickstart.evidence.json"
    cited = NEWER["evidence"] | {"sha256": hashlib.sha256(EVIDENCE_BYTES).hexdigest()}
    file.write_text(write_front_matter(ReviewRecord.model_validate(NEWER | {"evidence": cited})) + PEOPLE)

    @TRIED
    @given(spoiled(EVIDENCE_BYTES))
    def check(data):
        evidence.write_bytes(data)
        review, _ = outcome(read_review, file)
        assert review is None or review.evidence_changed is (data != EVIDENCE_BYTES)

    check()


@pytest.mark.parametrize("link", ["/etc/passwd", "../outside.json", "2026-Q4_quickstart.evidence.json"])
def test_evidence_that_leads_elsewhere_is_refused(tmp_path, link):
    folder = tmp_path / "reviews"
    folder.mkdir()
    (tmp_path / "outside.json").write_bytes(EVIDENCE_BYTES)
    (folder / "2026-Q4_quickstart.md").write_text(NEW_TEXT)
    (folder / "2026-Q4_quickstart.evidence.json").symlink_to(link)
    with pytest.raises(UsageError):
        read_review(folder / "2026-Q4_quickstart.md")


@TRIED
@given(
    st.lists(sound | st.sampled_from([n for n in NASTY if n != "\ud800"]), min_size=4, max_size=4), st.floats(0, 1e308)
)
def test_what_a_run_says_comes_back_from_the_front_matter(texts, value):
    texts = [text[:2000] for text in texts]
    case = {texts[2]: [texts[3], {texts[3]: value}]}
    evidence = EVIDENCE | {"workload": texts[0], "case": case, "value": value, "why": texts[1][:300]}
    record = ReviewRecord.model_validate(RECORD | {"experiment": texts[1], "evidence": [evidence]})
    text = write_front_matter(record) + PEOPLE
    assert read_front_matter(text) == record
    assert text.isascii()
    assert tell_apart(text).people == {"decision": ["- Decision:"]}
    rows = Evidence.model_validate(ROWS | {"figures": [evidence]})
    assert Evidence.model_validate(strict_json(write_evidence(rows))) == rows
    assert write_evidence(rows).isascii()


@pytest.mark.parametrize(
    "front",
    [
        "{b: " * 300,
        "previous: &a [*a]",
        "a: &a [x]\nb: *a",
        "!!python/object/apply:os.system [touch frostline-was-here]",
        "quarter: !!timestamp x",
        "rounds: " + "9" * 5000,
        "case: 1:1" + ":1" * 20_000,
        "- a",
        "1: 2",
        "",
    ],
)
def test_yaml_that_nobody_would_write_by_accident(tmp_path, front):
    file = tmp_path / "2026-Q4_quickstart.md"
    file.write_text(f"---\n{front}\n---\n")
    with pytest.raises(UsageError):
        read_review(file)


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 400, str(2**63), ".inf", ".nan", "true"])
def test_a_number_of_a_case_that_no_run_would_hold(tmp_path, number):
    file = tmp_path / "2026-Q4_quickstart.md"
    file.write_text(TEXT.replace('"rate": 4.0', f'"rate": {number}'))
    with pytest.raises(UsageError, match=r"rate: .* is not accepted: a finite number is, within 64 bits"):
        read_review(file)
