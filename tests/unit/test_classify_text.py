"""What classify-text takes for a right answer, and for a head."""

import json

import pytest

from targets.packaging.code import code_files
from targets.workloads import classify_text
from targets.workloads.classify_text import HEAD_FILE, WORKLOAD, Head, documents, reference_scores

PAYLOADS = WORKLOAD.payloads()
HEAD = {"labels": ["a", "b"], "weights": [[0.5, 1], [1, 0]], "biases": [0, 1]}


def test_every_kind_has_two_documents_or_more_and_a_sure_reference():
    labels = [told["label"] for told in documents().values()]
    head = Head.read(classify_text.SAMPLES.parents[1] / "classify_text" / HEAD_FILE)
    assert set(labels) == set(head.labels) and min(map(labels.count, head.labels)) >= 2
    assert {len(row) for row in head.weights} == {384}
    assert reference_scores().keys() == documents().keys()
    assert min(reference_scores().values()) > 2 / len(head.labels)
    examples = json.loads((classify_text.SAMPLES / "examples.json").read_text())
    assert examples.keys() == set(head.labels)
    assert not {told["text"] for told in documents().values()} & {text for texts in examples.values() for text in texts}


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.name)
def test_the_documents_own_kind_is_right_and_no_other(payload):
    score = reference_scores()[payload.name]
    for label in {told["label"] for told in documents().values()}:
        verdict = WORKLOAD.check(payload, {"label": label, "score": score}, False)
        assert (verdict is None) == (label == documents()[payload.name]["label"]), verdict
        assert WORKLOAD.check(payload, {"label": label, "score": score}, True) is None
    right = documents()[payload.name]["label"]
    assert WORKLOAD.check(payload, {"label": right, "score": score - 0.019}, False) is None
    assert "off the reference" in WORKLOAD.check(payload, {"label": right, "score": score - 0.021}, False)


def test_a_head_is_read_and_a_wrong_one_is_named(tmp_path):
    path = tmp_path / HEAD_FILE
    path.write_text(json.dumps(HEAD))
    assert Head.read(path) == Head(("a", "b"), ((0.5, 1.0), (1.0, 0.0)), (0.0, 1.0))
    for wrong, says in (
        ({**HEAD, "weights": [[1, 2]]}, "a bias and a row of weights"),
        ({**HEAD, "weights": [[1, 2], [1]]}, "all of one length"),
        ({"labels": ["a"], "weights": [[1]], "biases": [0]}, "at least two labels"),
        ({"labels": ["a", "b"]}, r'biases.*write {"labels"'),
        ([], "TypeError"),
    ):
        path.write_text(json.dumps(wrong))
        with pytest.raises(ValueError, match=says):
            Head.read(path)
    with pytest.raises(ValueError, match="FileNotFoundError"):
        Head.read(tmp_path / "absent.json")


def test_the_head_is_shipped_with_the_code():
    assert f"code/targets/workloads/classify_text/{HEAD_FILE}" in code_files(WORKLOAD)
