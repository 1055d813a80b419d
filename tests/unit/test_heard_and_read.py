"""What transcribe and ocr take for a right answer: as much of the known text as they say, and no more."""

import json

import pytest

from targets.workloads import ocr, transcribe
from targets.workloads.contract import Payload
from targets.workloads.tasks.files import edits

HEARD = {name: {"text": text, "seconds": 5.0} for name, text in transcribe.texts().items()}
READ = {name: {"lines": lines} for name, lines in ocr.texts().items()}
BOTH = [(transcribe.WORKLOAD, HEARD), (ocr.WORKLOAD, READ)]


@pytest.mark.parametrize(
    ("right", "found", "count"),
    [("frost", "frost", 0), ("frost", "", 5), ("", "ice", 3), ("frost", "forest", 2), ("kitten", "sitting", 3)],
)
def test_edits(right, found, count):
    assert edits(right, found) == count == edits(found, right)


@pytest.mark.parametrize(("model", "answers"), BOTH, ids=["transcribe", "ocr"])
def test_only_the_samples_own_text_is_right(model, answers):
    for payload in model.payloads():
        for name, answer in answers.items():
            assert (model.check(payload, answer, False) is None) == (name == payload.name), (payload.name, name)
            assert model.check(payload, answer, True) is None
    assert "not known" in model.check(Payload("other", b"{}"), next(iter(answers.values())), False)


@pytest.mark.parametrize(("model", "answers"), BOTH, ids=["transcribe", "ocr"])
def test_samples_are_small_and_of_many_sizes(model, answers):
    sizes = [(model.payloads()[0].name, len(payload.body)) for payload in model.payloads()]
    assert len(answers) >= 5 and max(size for _, size in sizes) < 250_000
    assert max(size for _, size in sizes) > 4 * min(size for _, size in sizes)


def test_a_quarter_of_the_words_may_be_heard_wrong():
    payload = transcribe.WORKLOAD.payloads()[0]
    said = transcribe.words(transcribe.texts()[payload.name])
    assert len(said) == 12

    def verdict(wrong):
        text = " ".join(["Ice"] * wrong + said[wrong:]).upper() + "."
        return transcribe.WORKLOAD.check(payload, {"text": text, "seconds": 4.6}, False)

    assert verdict(3) is None
    assert verdict(4) == "33% of its words are wrong, over 25%"


def test_one_character_in_twenty_may_be_read_wrong():
    payload = ocr.WORKLOAD.payloads()[0]
    lines = ocr.texts()[payload.name]
    assert len(ocr.characters(lines)) == 46
    assert ocr.WORKLOAD.check(payload, {"lines": ["XX" + lines[0][2:], *lines[1:]]}, False) is None
    reason = ocr.WORKLOAD.check(payload, {"lines": ["XXX" + lines[0][3:], *lines[1:]]}, False)
    assert reason == "93% of it was read, under 95%"


@pytest.mark.parametrize("answer", [{"text": "Ice", "seconds": 0}, {"text": " ", "seconds": 1.0}, {"text": "Ice"}])
def test_an_own_models_transcript_says_something(answer):
    assert transcribe.WORKLOAD.check(transcribe.WORKLOAD.payloads()[0], answer, True)


def test_texts_and_samples_belong_together():
    for module, suffix in ((transcribe, ".wav"), (ocr, ".png")):
        assert {path.name for path in module.SAMPLES.iterdir() if path.suffix == suffix} == set(module.texts())
        assert json.loads(module.WORKLOAD.payloads()[0].body)["name"] in module.texts()
