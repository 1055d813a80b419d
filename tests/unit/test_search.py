"""The search's handbook, its check, its settings, and what it says of a store that is gone."""

import json
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

import targets
from targets.workloads.contract import Backed
from targets.workloads.search.handbook import OFFICES, QUESTIONS, SUBJECTS, handbook
from targets.workloads.search.store import Store, StoreGone

SEARCH = targets.workload("search")


def result(name: str, score: float) -> dict[str, Any]:
    return {"id": name, "text": handbook()[name], "score": score}


def test_each_passage_is_there_once_and_each_question_has_one() -> None:
    passages = handbook()
    assert len(passages) == len(set(passages.values())) == len(OFFICES) * len(SUBJECTS) == 240
    asked = [passage for _, passage in QUESTIONS.values()]
    assert set(asked) <= set(passages) and len(set(asked)) == len(asked)
    assert not any("{" in text for text in passages.values())


def test_the_right_passage_must_come_first() -> None:
    payload = SEARCH.payloads()[0]
    assert json.loads(payload.body) == {"query": "Harbour office canteen"}
    right, near, far = result("harbour-canteen", 9.0), result("harbour-post", 2.5), result("mill-canteen", 2.5)
    assert SEARCH.check(payload, {"results": [right, near, far]}, False) is None
    assert SEARCH.check(payload, {"results": [near | {"score": 9.0}, right | {"score": 3.0}, far]}, True) is None, (
        "by an embedder of the user's"
    )
    wrong: list[tuple[Any, str]] = [
        ([near | {"score": 9.0}, right | {"score": 3.0}, far], "harbour-post came first, not harbour-canteen"),
        ([right, near], "not a list of 3"),
        ([right, right, near], "twice"),
        ([right, far, near | {"score": 3.0}], "best passage does not come first"),
        ([right, near, far | {"text": right["text"]}], "do not belong together"),
        ([right | {"score": float("nan")}, near, far], "no number"),
        ([right | {"more": 1}, near, far], "entries without just id, score, text"),
    ]
    for results, said in wrong:
        assert said in str(SEARCH.check(payload, {"results": results}, False))


def test_pooling_is_its_only_setting() -> None:
    assert isinstance(SEARCH, Backed) and SEARCH.backing == "postgres"
    assert targets.workload("search", {"pooling": False}).payloads() == SEARCH.payloads()
    with pytest.raises(ValueError, match="size is not one of: pooling\npooling: 'no' is neither true"):
        targets.workload("search", {"size": 3, "pooling": "no"})


class Gone(Exception):
    pass


class Connection:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[Any] = []

    def execute(self, query: str, values: Any) -> "Connection":
        if self.error:
            raise self.error
        self.asked.append(values)
        return self

    def fetchall(self) -> list[tuple[str, str]]:
        return [("a", "A")]


def test_a_question_to_the_store_and_one_that_is_gone() -> None:
    connection = Connection()

    def connect() -> AbstractContextManager[Any]:
        return nullcontext(connection)

    assert Store(connect, Gone).nearest([0.5, -1.0], 16) == [("a", "A")]
    assert connection.asked == [("[0.5,-1.0]", 16)]
    connection.error = Gone("server closed\n the connection")
    with pytest.raises(
        StoreGone, match=r"^the store \(postgres\) does not answer as it should: server closed the conn"
    ):
        Store(connect, Gone).nearest([0.5], 16)
