"""Generated text: which answers are right, and the file of its model, read byte by byte as its format says."""

import json
import struct

import numpy as np
import pytest

from targets.serving.gguf_file import GgufFile
from targets.workloads.generate_gguf import WORKLOAD
from targets.workloads.tasks.generation import CONTEXT, SYSTEM, Wanted, chunk, prompts

PAYLOADS = {payload.name: payload for payload in WORKLOAD.payloads()}


def said(text, finish="stop"):
    """A stream of one chunk a word."""
    pieces = [chunk(f"{word} ") for word in text.split()]
    return [*pieces, chunk("", finish)]


def verdict(name, answer, own_model=False):
    return WORKLOAD.check(PAYLOADS[name], answer, own_model)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("capital", said("The capital of France is Paris.")),
        ("months", said(" ".join(prompts()["months"]["words"]))),
        ("story", [chunk("snowflake")] * 95 + [chunk(" melts", "length")]),
    ],
)
def test_right_answers_pass(name, answer):
    assert verdict(name, answer) is None


@pytest.mark.parametrize(
    ("name", "answer", "why"),
    [
        ("capital", said("The capital of France is Lyon."), "'Paris' is missing"),
        ("capital", said("Paris", "length"), "it ended by length and not by stop"),
        ("capital", said("Paris " * 16), "list of 17, not a list of 1 to 16 chunks"),
        ("capital", said("Paris")[:-1], "chunk 0 is dict, not an object with just finish and text"),
        ("capital", [chunk("Paris", "stop"), chunk("", "stop")], "chunk 0 is dict, not an object with just text"),
        ("capital", [chunk("Paris"), {"text": "", "finish": []}], "its finish is []"),
        ("capital", [chunk("Paris" * 21), chunk("", "stop")], "the text of chunk 0 is no text of at most 100"),
        ("capital", [{"text": None, "finish": "stop"}], "the text of chunk 0 is no text"),
        ("capital", [chunk(" "), chunk("", "stop")], "its text is empty"),
        ("months", said(" ".join(reversed(prompts()["months"]["words"]))), "'February' is missing"),
        ("story", [chunk("snowflake"), chunk("", "length")], "it ended by length after 2 chunks of 96"),
        ("story", said("The snowflake melted."), "it ended by stop and not by length"),
    ],
)
def test_wrong_answers_are_told_apart(name, answer, why):
    assert why in verdict(name, answer)


def test_of_a_model_of_ones_own_only_the_form_is_checked():
    assert verdict("capital", said("Lyon"), own_model=True) is None
    assert verdict("capital", [], own_model=True) is not None


def test_a_request_says_all_that_is_wrong_with_it():
    assert Wanted.of({"prompt": "Thaw?", "max_tokens": 4}) == Wanted("Thaw?", 4, SYSTEM)
    with pytest.raises(ValueError, match=r'"prompt" is int: .*; "max_tokens" is True: .*; "system" is list'):
        Wanted.of({"prompt": 1, "max_tokens": True, "system": []})
    for most in (0, CONTEXT):
        with pytest.raises(ValueError, match="send a whole number from 1 to 2047"):
            Wanted.of({"prompt": "a", "max_tokens": most})


def test_prompts_are_of_different_lengths_and_fit_a_request():
    lengths = {len(prompt["prompt"]) for prompt in prompts().values()}
    assert len(lengths) == len(prompts()) and max(lengths) > 10 * min(lengths)
    for payload in PAYLOADS.values():
        Wanted.of(json.loads(payload.body))


def text(value):
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf(tensors, pairs=b"", count=0, version=3):
    """A file of these tensors, (name, shape, type, bytes), whose data begin where the next 32 bytes do."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), count) + pairs
    data = b""
    for name, shape, kind, raw in tensors:
        head += text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape) + struct.pack("<IQ", kind, len(data))
        data += raw.ljust(-(-len(raw) // 32) * 32, b"\0")
    return head.ljust(-(-len(head) // 32) * 32, b"\0") + data


def half(*values):
    return struct.pack(f"<{len(values)}e", *values)


def written(tmp_path, content):
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    return path


def test_tensors_are_read_as_their_formats_say(tmp_path):
    numbers = np.arange(64, dtype=np.float32)
    q4_1 = half(0.5, -1.0) + bytes(low | (low << 4) for low in range(16))
    q8_0 = half(0.25) + bytes(range(240, 256)) + bytes(16)
    tensors = [
        ("whole", (32, 2), 0, numbers.tobytes()),
        ("half", (64,), 1, numbers.astype(np.float16).tobytes()),
        ("four", (32, 1), 3, q4_1),
        ("eight", (32,), 8, q8_0),
    ]
    found = dict(GgufFile(written(tmp_path, gguf(tensors))).tensors(np))
    assert found["whole"].tolist() == numbers.reshape(2, 32).tolist(), "the last dimension is written first"
    assert found["half"].tolist() == numbers.tolist()
    assert found["four"].tolist() == [[0.5 * low - 1 for low in (*range(16), *range(16))]]
    assert found["eight"].tolist() == [0.25 * value for value in (*range(-16, 0), *([0] * 16))]
    assert {array.dtype for array in found.values()} == {np.dtype(np.float32)}


def test_metadata_are_read_with_arrays_of_texts_and_numbers(tmp_path):
    pairs = text("name") + struct.pack("<I", 8) + text("Frost") + text("size") + struct.pack("<II", 4, 7)
    pairs += text("words") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("é")
    pairs += text("kinds") + struct.pack("<IIQ3i", 9, 5, 3, 1, -2, 3)
    metadata = GgufFile(written(tmp_path, gguf([], pairs, 4))).metadata
    assert metadata == {"name": "Frost", "size": 7, "words": ["a", "é"], "kinds": (1, -2, 3)}


WHOLE = gguf([("whole", (32,), 0, bytes(128))])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "model.gguf is no GGUF file"),
        (b"PK\x03\x04", "model.gguf is no GGUF file"),
        (WHOLE[:30], "is cut off or damaged .*: fetch it again"),
        (WHOLE[:-1], "model.gguf is cut off in whole: fetch it again"),
        (gguf([], version=1), "is GGUF of version 1: 2 and 3 are read"),
        (gguf([("k", (32,), 12, bytes(32))]), "k is of ggml's type 12: convert it to Q4_1, Q8_0, F16 or F32"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do(tmp_path, content, why):
    with pytest.raises(ValueError, match=why):
        GgufFile(written(tmp_path, content))
