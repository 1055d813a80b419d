"""huggingface on folders that are made here: tiny models with random weights, saved by transformers itself."""

import json
from pathlib import Path
from typing import Any

import pytest

import targets
from targets.contract import Order
from tests.contract.subject import SIZING, post
from tests.models.answers import as_bytes, unhurried
from tests.models.test_torch import in_site

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
MAKE = """
import json, sys
import tokenizers
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

folder = sys.argv[1]
words = "[PAD] [UNK] frost came early . the pass was closed and ice on lake".split()
made = tokenizers.Tokenizer(tokenizers.models.WordLevel({word: at for at, word in enumerate(words)}, "[UNK]"))
made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]", eos_token="[PAD]")
size = {"vocab_size": len(words), "bos_token_id": 0, "eos_token_id": 0}
bert = BertConfig(**size, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
gpt = GPT2Config(**size, n_embd=16, n_layer=1, n_head=2)
models = {"text-classification": BertForSequenceClassification(bert), "text-generation": GPT2LMHeadModel(gpt)}
for name, model in models.items():
    model.save_pretrained(f"{folder}/{name}")
    tokenizer.save_pretrained(f"{folder}/{name}")
print(json.dumps("made"))
"""
LOAD = """
import json, sys
from contextlib import nullcontext
from pathlib import Path
from targets import workload

try:
    workload("huggingface", {"task": sys.argv[2]}).load(lambda name: nullcontext(), Path(sys.argv[1]), 1)
    print(json.dumps("loaded"))
except ValueError as error:
    print(json.dumps(str(error)))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("made")
    assert in_site(MAKE, str(made)) == "made"
    return made


@pytest.mark.parametrize("task", ["text-classification", "text-generation"])
def test_a_service_and_a_function_give_the_same_answers(folder: Path, task: str) -> None:
    service, function = (answers(folder / task, task, name) for name in ("process-service", "process-lambda"))
    assert service == function and len(service) == 3


def answers(folder: Path, task: str, name: str) -> dict[str, bytes]:
    """Each payload's answer, of which the check says that it is right."""
    target, settings = targets.target(name), {"task": task}
    model = targets.workload("huggingface", settings)
    package = target.package(model, folder, print)
    environment = {"FROSTLINE_SETTINGS": json.dumps(settings)}
    deployment = target.deploy(package, Order("hf-test", SIZING, settings=unhurried(name), environment=environment))
    try:
        found: dict[str, Any] = {p.name: post(deployment.endpoints[0], p.body).body for p in model.payloads()}
    finally:
        deployment.destroy()
    assert {p.name: model.check(p, found[p.name]["answer"], True) for p in model.payloads()} == dict.fromkeys(found)
    return {name: as_bytes(reply["answer"]) for name, reply in found.items()}


def test_a_folder_that_is_none_for_the_task_is_told(folder: Path, tmp_path: Path) -> None:
    classifier = folder / "text-classification"
    assert "its kind of model has no fill-mask" in in_site(LOAD, str(folder / "text-generation"), "fill-mask")
    assert "no BertForTokenClassification: name the task" in in_site(LOAD, str(classifier), "token-classification")
    assert "saved whole, for the task that it is asked" in in_site(LOAD, str(classifier), "fill-mask")
    for file in classifier.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "mine", "auto_map": {"AutoConfig": "mine.Mine"}}')
    (tmp_path / "mine.py").write_text("open('it-ran', 'w')")
    assert "made by code of its own, and none of that runs here" in in_site(LOAD, str(tmp_path), "text-classification")
    (tmp_path / "config.json").write_bytes((classifier / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"cut")
    assert "no whole safetensors file" in in_site(LOAD, str(tmp_path), "text-classification")
