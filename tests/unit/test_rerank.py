"""What rerank-onnx takes for a right answer, and what it refuses to be asked."""

import pytest

from targets.workloads import rerank_onnx
from targets.workloads.rerank_onnx import WORKLOAD, passages, queries, reference_scores, texts_of

PAYLOADS = {payload.name: payload for payload in WORKLOAD.payloads()}


def answer(scores):
    return {"scores": scores, "order": sorted(range(len(scores)), key=lambda at: -scores[at])}


def verdict(name, reply, own_model=False):
    return WORKLOAD.check(PAYLOADS[name], reply, own_model)


@pytest.mark.parametrize("query", queries(), ids=lambda query: query["name"])
def test_a_query_has_sixteen_passages_and_its_reference_puts_the_right_one_first(query):
    assert len(set(query["passages"])) == 16 and set(query["passages"]) <= passages().keys()
    assert verdict(query["name"], answer(reference_scores()[query["name"]])) is None


def test_another_querys_scores_are_wrong():
    for name in PAYLOADS:
        others = [other for other in PAYLOADS if other != name]
        assert all(verdict(name, answer(reference_scores()[other])) for other in others)


def test_scores_within_the_tolerance_are_right_and_others_are_not():
    scores = reference_scores()["evening-bus"]
    assert verdict("evening-bus", answer([score + 1.4 for score in scores])) is None
    assert "1.60 off the reference" in verdict("evening-bus", answer([score + 1.6 for score in scores]))
    assert verdict("evening-bus", answer([score + 1.6 for score in scores]), own_model=True) is None


def test_the_order_goes_by_the_scores_and_begins_with_the_best():
    right = answer(reference_scores()["blossom"])
    assert verdict("blossom", {**right, "order": right["order"][::-1]}, True) == (
        '"order" does not go by "scores", the highest first'
    )
    assert "each place" in verdict("blossom", {**right, "order": [0] * 16}, True)
    assert "no numbers" in verdict("blossom", {**right, "scores": [10**400] * 16}, True)
    assert "not a list of 16" in verdict("blossom", answer(reference_scores()["blossom"][:15]), True)
    swapped = list(reference_scores()["blossom"])
    swapped[3], swapped[7] = swapped[7], swapped[3]
    assert "frost-chapter, late-frost came first" in verdict("blossom", answer(swapped))


@pytest.mark.parametrize("request_", [{}, {"query": "frost"}, {"query": "frost", "passages": []}, {"passages": ["a"]}])
def test_a_request_without_query_or_passages_is_refused(request_):
    with pytest.raises(ValueError, match=r'send \{"query": "'):
        texts_of(request_)
    with pytest.raises(ValueError, match="no list of texts"):
        texts_of({"query": "frost", "passages": ["a", 7]})


def test_the_summary_says_how_long_the_passages_are():
    words = [len(text.split()) for text in passages().values()]
    assert f"passages of {min(words)} to {max(words)} words" in rerank_onnx.WORKLOAD.summary
