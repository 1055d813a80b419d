"""A folder of transformers with a pipeline: its settings, its requests, its check, and what is said before torch is."""

import json
from types import SimpleNamespace

import pyarrow as pa
import pytest

from harness.measure.recording import warnings_of
from targets.packaging.model_folder import model_dir_problems
from targets.workloads.huggingface import WORKLOAD
from targets.workloads.huggingface.pipes import Pipes, check_head, read_config
from targets.workloads.huggingface.tasks import TASKS, plain

OBJECT = {"text-classification": "label", "fill-mask": "token_str", "token-classification": "entity"}
LABELS = {"candidate_labels": ["ice", "lake"]}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "task: is missing: name one of: feature-extraction, fill-mask, "),
        ({"task": "ner"}, "task: 'ner' is not one of: "),
        ({"task": ["fill-mask"]}, "is not one of: "),
        ({"task": "summarization"}, "no pipeline of transformers 5 any more: take text-generation"),
        ({"task": "fill-mask", "modle": "a/b"}, "modle is not one of: task, model, "),
        ({"task": "fill-mask", "inputs": []}, "give a list of texts, or name a JSON file"),
        ({"task": "fill-mask", "inputs": ["frost", 7]}, "give a list of texts, or name a JSON file"),
        ({"task": "fill-mask", "expect": "("}, "expect: '(' is no regular expression"),
        ({"task": "fill-mask", "expect": 7}, "expect: '7' is no regular expression"),
        (
            {"task": "text-generation", "parameters": {"custom_generate": "x"}},
            "'custom_generate' is not one of: max_new",
        ),
        ({"task": "fill-mask", "parameters": 7}, "parameters: '7' is not accepted: give names with values"),
        ({"task": "zero-shot-classification"}, "parameters: candidate_labels is missing: give a list of texts"),
    ],
)
def test_a_setting_that_is_none_is_named_with_its_fix(settings, says):
    with pytest.raises(ValueError, match=": ") as refused:
        WORKLOAD.configure(settings)
    (line,) = str(refused.value).split("\n")
    assert says in line


def test_every_problem_is_told_at_once():
    with pytest.raises(ValueError, match=": ") as refused:
        WORKLOAD.configure({"task": "x", "model": "a/b", "inputs": 7, "expect": "(", "y": 1})
    assert [line.split()[0] for line in str(refused.value).split("\n")] == [
        "y",
        "task:",
        "revision:",
        "inputs:",
        "expect:",
    ]


def test_without_a_folder_it_is_refused_before_anything_is_packaged(tmp_path):
    (line,) = model_dir_problems(WORKLOAD, None)
    assert "has no model of its own: give a folder that holds config.json, tokenizer.json, by --model-dir" in line
    (tmp_path / "config.json").write_text("{}")
    (line,) = model_dir_problems(WORKLOAD, tmp_path)
    assert line == f"model file {tmp_path / 'tokenizer.json'} is missing; put it there"


def test_inputs_are_a_list_or_a_file_and_carry_the_parameters(tmp_path):
    (tmp_path / "inputs.json").write_text('{"short": "frost", "long": "hoar frost"}')
    (tmp_path / "wrong.json").write_text('[["frost"]]')
    settings = {"task": "text-generation", "parameters": {"max_new_tokens": 4}}
    listed = WORKLOAD.configure({**settings, "inputs": ["frost"]}).payloads()
    read = WORKLOAD.configure({**settings, "inputs": str(tmp_path / "inputs.json")}).payloads()
    assert json.loads(listed[0].body) == {"inputs": "frost", "parameters": {"max_new_tokens": 4, "do_sample": False}}
    assert [payload.name for payload in read] == ["short", "long"] and read[0].body == listed[0].body
    with pytest.raises(ValueError, match="'0001' is list, not a text"):
        WORKLOAD.configure({**settings, "inputs": str(tmp_path / "wrong.json")}).payloads()
    with pytest.raises(ValueError, match="cannot be read"):  # when requests are made: a unit has no such file
        WORKLOAD.configure({**settings, "inputs": str(tmp_path / "none.json")}).payloads()


@pytest.mark.parametrize(
    ("task", "answer", "wrong"),
    [
        *((task, [{key: "frost", "score": 0.5}], [{key: "frost"}]) for task, key in OBJECT.items()),
        ("token-classification", [], [{"entity": "", "score": 0.5}]),
        ("fill-mask", [[{"token_str": "frost", "score": 0.5}]] * 2, [[]]),
        ("text-generation", [{"generated_text": "frost"}], [{"generated_text": ""}]),
        ("feature-extraction", [[[0.5, 1], [0.5, 1]]], [[[0.5, 1], [0.5]]]),
        ("feature-extraction", [[[0.5, 1]]], [[[0.5, float("nan")]]]),
        ("zero-shot-classification", {"labels": ["a", "b"], "scores": [0.6, 0.4]}, {"labels": ["a"], "scores": []}),
        ("zero-shot-classification", {"labels": ["a"], "scores": [1.0]}, {"labels": ["a", "b"], "scores": [0.4, 0.6]}),
    ],
)
def test_an_answer_has_the_form_of_its_task(task, answer, wrong):
    parameters = {"parameters": LABELS} if task.startswith("zero") else {}
    model = WORKLOAD.configure({"task": task, **parameters})
    payload = model.payloads()[0]
    assert model.check(payload, answer, True) is None
    assert model.check(payload, wrong, True)


def test_what_is_expected_is_looked_for_in_the_answer():
    model = WORKLOAD.configure({"task": "text-classification", "expect": '"label": "ice"'})
    assert model.check(model.payloads()[0], [{"label": "ice", "score": 0.5}], True) is None
    why = model.check(model.payloads()[0], [{"label": "\ud800" * 99, "score": 0.5}], True)
    assert "does not match" in why and len(why.encode()) <= 200


def test_a_folder_without_safetensors_is_refused_and_no_pickle_read(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n")
    with pytest.raises(ValueError, match=r"no model\.safetensors or .* a pickle's, are not read: save the model"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text("[")
    with pytest.raises(ValueError, match=r"config\.json cannot be read .*: fetch it again"):
        read_config(tmp_path)


def test_a_classifier_of_texts_is_none_of_tokens():
    check_head("BertForTokenClassification", {"architectures": ["BertForTokenClassification"]})
    check_head("BertForTokenClassification", {})
    check_head("BertModel", {"architectures": ["BertForMaskedLM"]})
    with pytest.raises(ValueError, match=r"saved as BertForSequenceClassification and is no BertForTokenC.*: name the"):
        check_head("BertForTokenClassification", {"architectures": ["BertForSequenceClassification"]})


class Free:
    """One pipeline that tells what it is asked."""

    def get(self):
        return lambda text, **parameters: {"text": text, **parameters}

    def put(self, pipe):
        """It was lent."""


def test_a_request_is_passed_on_with_what_it_may_set():
    pipes = Pipes(TASKS["fill-mask"], "<mask>", Free())
    assert pipes.answer({"inputs": "a [MASK]", "parameters": {"top_k": 2}}) == {"text": "a <mask>", "top_k": 2}
    with pytest.raises(ValueError, match="'tokenizer_kwargs' is not one of: top_k, targets; \"inputs\" is NoneType"):
        pipes.answer({"parameters": {"tokenizer_kwargs": {}}})


def test_numbers_of_numpy_become_plain():
    class Float32:
        def item(self):
            return 0.12345678

    assert plain([{"score": Float32(), "at": (1, True)}]) == [{"score": 0.123457, "at": [1, True]}]


@pytest.mark.parametrize(
    ("settings", "own_model", "told"),
    [({}, False, True), ({}, True, True), ({"expect": "ice"}, False, False), ({"expect": "ice"}, True, False)],
)
def test_rows_say_whether_answers_were_checked(settings, own_model, told):
    """A hub's model has no folder of the user's, and its right answers are not known either."""
    visit = SimpleNamespace(
        workload=WORKLOAD.configure({"task": "fill-mask", **settings}),
        trial=SimpleNamespace(workload=SimpleNamespace(has_own_model=own_model), regime=None),
        target=SimpleNamespace(capabilities=SimpleNamespace(asynchronous=False)),
    )
    found = warnings_of(visit, pa.table({"resent": [0], "error": [None], "start_class": [None]}), [])
    assert ("answers are unchecked but for their form: the model is the user's own" in found) == told
