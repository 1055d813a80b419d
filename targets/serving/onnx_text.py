"""A transformer of texts in ONNX Runtime and what its tokenizer gives: the same for each workload that has one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from targets.serving.onnx_session import check_batch, integer_type

INPUTS = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
"""What the tokenizer gives, and what it calls it; a model may do without the last two."""
TOO_LONG = "if the model takes fewer, say how many in config.json, as max_position_embeddings"


def input_types(entries: Sequence[Any]) -> dict[str, str]:
    """The type of each of the model's inputs, by name. ValueError when one is not what the tokenizer gives."""
    names = [entry.name for entry in entries]
    if "input_ids" not in names or not set(names) <= set(INPUTS):
        raise ValueError(
            f"its inputs are {', '.join(names)}: export it with input_ids, "
            f"and of {', '.join(list(INPUTS)[1:])} what it needs"
        )
    for entry in entries:
        check_batch(entry)
    return {entry.name: integer_type(entry) for entry in entries}


def fixed_length(entries: Sequence[Any]) -> int | None:
    """To how many tokens each text is filled up, where the model takes no other number; None where it takes any."""
    lengths = {entry.shape[1] for entry in entries if len(entry.shape) == 2 and isinstance(entry.shape[1], int)}
    return min(lengths, default=None)


def first_output(numpy: Any, session: Any, types: Mapping[str, str], encoded: Any) -> Any:
    """What the model makes first of a text, as the tokenizer gave it. ValueError when the text is too long for it."""
    inputs = {name: numpy.array([getattr(encoded, INPUTS[name])], dtype=kind) for name, kind in types.items()}
    try:
        return session.run(None, inputs)[0]
    except Exception as error:
        raise ValueError(f"a text of {len(encoded.ids)} tokens: {TOO_LONG} ({error})") from error


def pooled(first: Any, mask: Any) -> Any:
    """One vector of the model's first output: the mean over the tokens, or what the model has pooled itself.

    ValueError when it is neither.
    """
    shape = tuple(first.shape)
    if first.dtype.kind == "f" and first.ndim == 3 and shape[:2] == (1, len(mask)):
        return mask @ first[0] / mask.sum()
    if first.dtype.kind == "f" and first.ndim == 2 and shape[0] == 1:
        return first[0].astype(mask.dtype)
    raise ValueError(
        f"its first output is {first.dtype} of shape {shape}: export it so that the tokens' vectors (1, {len(mask)}, "
        "dimensions) or the text's own (1, dimensions) come first"
    )


def open_tokenizer(kind: Any, path: Path, most: int, fixed: int | None) -> Any:
    """The tokenizer of a file; the class comes in as load() imported it. Texts are cut to `most` tokens, and filled up
    to `fixed` where the model takes no other number."""
    tokenizer = kind.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=min(most, fixed or most))
    if fixed:
        tokenizer.enable_padding(length=fixed)
    return tokenizer
