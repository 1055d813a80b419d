"""What kind of file is this? Magika's neural network (3 MB, ONNX) on the first and last kilobyte of real files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from targets.serving.model_files import model_folder
from targets.serving.onnx_session import check_batch, cpu_session, integer_type
from targets.workloads.contract import Infer, Payload, Phase, Wheel
from targets.workloads.tasks.files import body, file_bytes

SAMPLES = Path(__file__).parent / "samples" / "filetype"

LABELS = {
    ".bmp": "bmp",
    ".csv": "csv",
    ".docx": "docx",
    ".gif": "gif",
    ".gz": "gzip",
    ".html": "html",
    ".jpg": "jpeg",
    ".json": "json",
    ".pdf": "pdf",
    ".png": "png",
    ".py": "python",
    ".sh": "shell",
    ".sqlite": "sqlite",
    ".svg": "svg",
    ".tar": "tar",
    ".wav": "wav",
    ".yaml": "yaml",
    ".zip": "zip",
}
"""The right label of a sample, by its suffix."""


CONFIG_FILE = "config.min.json"
CONFIG_KEYS = (
    "beg_size",
    "end_size",
    "block_size",
    "min_file_size_for_dl",
    "padding_token",
    "target_labels_space",
    "medium_confidence_threshold",
    "thresholds",
    "overwrite_map",
)
"""What config.min.json must hold."""


@dataclass(frozen=True)
class ModelConfig:
    """What config.min.json says of the model's input and output. Sizes in bytes, thresholds are scores from 0 to 1."""

    beg_size: int
    end_size: int
    block_size: int
    min_size: int
    padding_token: int
    labels: tuple[str, ...]
    threshold: float
    thresholds: dict[str, float]
    overwrite: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> "ModelConfig":
        """From Magika's own file. ValueError names each missing key, and features other than a file's two ends."""
        config = json.loads(path.read_text(encoding="utf-8"))
        faults = [f"{key} is missing: add it" for key in CONFIG_KEYS if key not in config]
        wider = ("mid_size", "use_inputs_at_offsets")
        faults += [f"{key} is {config[key]}: take a model without it" for key in wider if config.get(key)]
        if faults:
            raise ValueError(f"{path}: {'; '.join(faults)}")
        return cls(
            beg_size=config["beg_size"],
            end_size=config["end_size"],
            block_size=config["block_size"],
            min_size=config["min_file_size_for_dl"],
            padding_token=config["padding_token"],
            labels=tuple(config["target_labels_space"]),
            threshold=config["medium_confidence_threshold"],
            thresholds=config["thresholds"],
            overwrite=config["overwrite_map"],
        )


def tokens(data: bytes, config: ModelConfig) -> list[int] | None:
    """The model's input: the file's two ends, outer white space off, padded inwards. None if too little is left."""
    beg = data[: config.block_size].lstrip()[: config.beg_size]
    if len(beg) < config.min_size:
        return None
    end = data[-config.block_size :].rstrip()[-config.end_size :] if config.end_size else b""
    padding = [config.padding_token]
    return [*beg, *padding * (config.beg_size - len(beg)), *padding * (config.end_size - len(end)), *end]


def generic_label(data: bytes) -> str:
    """For what the model cannot tell: "empty", "txt" when all the bytes are UTF-8, else "unknown".

    Magika asks the distrusted type, or the first block alone, whether this is text: only here may we differ from it.
    """
    if not data:
        return "empty"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "unknown"
    return "txt"


def final_label(label: str, score: float, data: bytes, config: ModelConfig) -> str:
    """The model's `label` when its score reaches that label's threshold, overwritten where the config says so."""
    if score < config.thresholds.get(label, config.threshold):
        return generic_label(data)
    return config.overwrite.get(label, label)


class FileType:
    """Magika's standard_v3_3 through ONNX Runtime; the features are our own code, as its config describes them."""

    name = "filetype"
    summary = "File type classifier: Magika standard_v3_3, 3 MB ONNX, files of 18 types up to 16 kB"
    requirements = (
        "onnxruntime==1.31.1",
        "numpy==2.4.6",
        "flatbuffers==25.12.19",
        "packaging==26.3",
        "protobuf==7.36.2",
    )
    models = (
        Wheel(
            "magika",
            "1.0.3",
            (
                "3e9b49134e8116ee40b431664dcbed9e199413efddcce1a173c734b4e0521529",
                "de9af9c96892e610eefc920cca9e71179661d39d9d1d7acc1f28f357bcc8805e",
                "938d8e033953f2ddeb8c35dc423aa289ca116bfa7a71a778f6e77460f9025803",
            ),
        ),
    )
    """Wheels for Linux on x86_64, macOS on arm64 and any other machine: the same model in each."""
    model_files = ("model.onnx", CONFIG_FILE)

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Phases imports and weights. It answers {"label", "score"}; the score is 1.0 where no model is needed."""
        with phase("imports"):
            import numpy as np
            import onnxruntime

        with phase("weights"):
            folder = model_folder(self.models[0], "magika/models/standard_v3_3", self.model_files, model_dir)
            config = ModelConfig.read(folder / CONFIG_FILE)
            session = cpu_session(onnxruntime, folder / "model.onnx", threads)
            (entry,) = session.get_inputs()
            check_batch(entry)
            kind = integer_type(entry)

        def infer(request: dict[str, Any]) -> dict[str, Any]:
            data = file_bytes(request)
            features = tokens(data, config)
            if features is None:
                return {"label": generic_label(data), "score": 1.0}
            scores = session.run(None, {entry.name: np.array([features], dtype=kind)})[0][0]
            if len(scores) != len(config.labels):
                raise ValueError(
                    f"its {len(scores)} scores are not of the {len(config.labels)} labels in {CONFIG_FILE}"
                )
            best = int(scores.argmax())
            score = float(scores[best])
            return {"label": final_label(config.labels[best], score, data, config), "score": round(score, 4)}

        return infer

    def payloads(self) -> Sequence[Payload]:
        """One body per file in samples/filetype/, by name; the files were written for this purpose."""
        return [Payload(path.name, body(path)) for path in sorted(SAMPLES.iterdir()) if path.suffix in LABELS]

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when the label is the sample's own; with a user's own model any label that is not empty."""
        if not isinstance(answer, dict) or set(answer) != {"label", "score"}:
            return f'answer is {type(answer).__name__}, not an object with just "label" and "score"'
        label, score = answer["label"], answer["score"]
        if not isinstance(label, str) or not label:
            return f'"label" is {type(label).__name__}, not a string that says something'
        if type(score) not in (int, float) or not 0 <= score <= 1:
            return f'"score" ({type(score).__name__}) is not a number from 0 to 1'
        right = LABELS.get(Path(payload.name).suffix)
        if not own_model and label != right:
            return f"{payload.name[:60]} is {right}, not {label[:40]!a:.80}"
        return None


WORKLOAD = FileType()
