"""The same model as generate-gguf in PyTorch: SmolLM2-135M-Instruct, its 4 bits made float32 numbers as it loads."""

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from targets.serving.accelerator import Device, open_device
from targets.serving.gguf_file import GgufFile
from targets.serving.model_files import model_folder
from targets.serving.torch_model import TRANSFORMERS, pretrained, use_threads
from targets.workloads.contract import Infer, Measured, Phase
from targets.workloads.tasks.generation import CONTEXT, MODEL, MODEL_FILE, MODEL_PLACE, Generation, Wanted, chunk

PARTS = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""What transformers calls a tensor of a Llama, by what llama.cpp calls it; those of a block stand in one of its own."""
ROTARY = {"attn_q": "num_attention_heads", "attn_k": "num_key_value_heads"}
"""Their rows are in another order: llama.cpp turns neighbours as a pair, transformers a row and one half a head on."""
SPECIAL = 3
"""Of a token in a GGUF vocabulary: no text that anybody writes."""


class Generate(Generation):
    """SmolLM2 through torch and transformers: float32, greedy, with a cache of keys and values; no batching."""

    name = "generate"
    summary = "Text generation, streamed: SmolLM2-135M-Instruct, torch + transformers (float32), 16 to 96 tokens"
    requirements = TRANSFORMERS
    models = (MODEL,)
    model_files = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Phases imports, weights and tokenizer, and a GPU's own where there is one. It streams {"text"}."""
        with phase("imports"):
            import numpy as np
            import torch
            import transformers
            from tokenizers import decoders

            if model_dir is None:
                from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
            else:  # of whatever kind its config.json says
                from transformers import AutoModelForCausalLM, AutoTokenizer

        device = open_device(torch, phase)
        with phase("weights"):
            use_threads(torch, threads)
            if model_dir is None:
                file = GgufFile(model_folder(MODEL, MODEL_PLACE, (MODEL_FILE,), None) / MODEL_FILE)
                model = llama(np, torch, LlamaForCausalLM, LlamaConfig(**config_of(file.metadata)), file)
            else:
                model = pretrained(AutoModelForCausalLM, model_folder(MODEL, "", self.model_files, model_dir))
        model = device.place(model)

        with phase("tokenizer"):
            if model_dir is None:
                tokenizer = tokenizer_of(PreTrainedTokenizerFast, file.metadata)
            else:
                tokenizer = AutoTokenizer.from_pretrained(model_dir, local_files_only=True)
            if not tokenizer.chat_template:
                raise ValueError("its tokenizer has no chat_template: give one in tokenizer_config.json")

        writer = Writer(torch, transformers.DynamicCache, decoders.DecodeStream, device, model, tokenizer)

        def infer(request: dict[str, Any]) -> Generator[dict[str, str], None, Measured]:
            return writer.answer(Wanted.of(request))

        return infer


class Writer:
    """The loaded model and what turns its tokens into text."""

    def __init__(self, torch: Any, new_cache: Any, new_text: Any, device: Device, model: Any, tokenizer: Any) -> None:
        self._torch, self._new_cache, self._new_text = torch, new_cache, new_text
        self._device, self._model, self._tokenizer = device, model, tokenizer
        told = model.generation_config.eos_token_id
        self._ends = frozenset(told if isinstance(told, list) else [told, tokenizer.eos_token_id])

    def answer(self, wanted: Wanted) -> Generator[dict[str, str], None, Measured]:
        """Each token as a chunk, whose text is empty where it is but a part of a letter."""
        prompt = self._tokenizer.apply_chat_template(wanted.messages, add_generation_prompt=True, tokenize=False)
        ids = self._tokenizer.encode(prompt, add_special_tokens=False)
        if len(ids) + wanted.max_tokens > CONTEXT:
            raise ValueError(f"{len(ids)} tokens and {wanted.max_tokens} to make are more than {CONTEXT}: ask for less")
        return self._stream(ids, wanted.max_tokens)

    def _stream(self, prompt: list[int], most: int) -> Generator[dict[str, str], None, Measured]:
        watch, kept = self._device.stopwatch(), self._new_cache(config=self._model.config)
        text = self._new_text(skip_special_tokens=True)
        read, made = prompt, 0
        while made < most:
            with self._torch.inference_mode(), watch:  # over no yield: the thread is another's meanwhile
                ids = self._torch.tensor([read], device=self._device.name)
                logits = self._model(input_ids=ids, cache=kept, use_cache=True, logits_to_keep=1).logits
                token = int(logits[0, -1].argmax())
            made += 1
            if token in self._ends:
                yield chunk("", "stop")
                break
            yield chunk(text.step(self._tokenizer.backend_tokenizer, token) or "", "length" if made == most else None)
            read = [token]
        return Measured(gpu_ns=watch.gpu_ns, tokens_in=len(prompt), tokens_out=made)


def config_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What transformers calls the settings of a Llama. ValueError for a model of another kind."""
    if (kind := metadata["general.architecture"]) != "llama":
        raise ValueError(f"it is a {kind}, not a llama: name a folder of transformers instead")
    return {
        "vocab_size": len(metadata["tokenizer.ggml.tokens"]),
        "hidden_size": metadata["llama.embedding_length"],
        "intermediate_size": metadata["llama.feed_forward_length"],
        "num_hidden_layers": metadata["llama.block_count"],
        "num_attention_heads": metadata["llama.attention.head_count"],
        "num_key_value_heads": metadata["llama.attention.head_count_kv"],
        "rms_norm_eps": metadata["llama.attention.layer_norm_rms_epsilon"],
        "rope_theta": metadata["llama.rope.freq_base"],
        "max_position_embeddings": metadata["llama.context_length"],
        "eos_token_id": metadata["tokenizer.ggml.eos_token_id"],
        "tie_word_embeddings": True,
    }


def llama(np: Any, torch: Any, kind: Any, config: Any, file: GgufFile) -> Any:
    """The model, filled tensor by tensor. ValueError when one is missing, or not the model's."""
    from transformers.utils import logging

    weights = {}
    for name, values in file.tensors(np):
        *block, part, _ = name.split(".")
        if part in ROTARY:
            heads, rows = getattr(config, ROTARY[part]), values.shape[0]
            values = values.reshape(heads, rows // heads // 2, 2, -1).swapaxes(1, 2).reshape(rows, -1)
        if part not in PARTS:
            raise ValueError(f"tensor {name} is none of this model's")
        place = f"model.layers.{block[1]}.{PARTS[part]}" if block else PARTS[part]
        weights[f"{place}.weight"] = torch.from_numpy(np.ascontiguousarray(values))
    logging.disable_progress_bar()
    model, told = kind.from_pretrained(None, config=config, state_dict=weights, output_loading_info=True)
    if missing := sorted(told["missing_keys"]):
        raise ValueError(f"its weights lack {len(missing)} of the model's parameters, the first {missing[0]}")
    return model.eval()


def tokenizer_of(kind: Any, metadata: Mapping[str, Any]) -> Any:
    """The vocabulary of the file as transformers' tokenizer. ValueError where it cuts texts in another way."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
    from tokenizers.decoders import ByteLevel

    if (cut := metadata["tokenizer.ggml.pre"]) != "smollm":
        raise ValueError(f"its tokenizer cuts texts as {cut}, not as smollm: name a folder of transformers instead")
    tokens, merges = metadata["tokenizer.ggml.tokens"], metadata["tokenizer.ggml.merges"]
    pairs = [tuple(merge.split(" ")) for merge in merges]
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, pairs))
    digits, letters = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, letters])
    tokenizer.decoder = ByteLevel()
    kinds = zip(tokens, metadata["tokenizer.ggml.token_type"], strict=True)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token, of in kinds if of == SPECIAL])
    end = tokens[metadata["tokenizer.ggml.eos_token_id"]]
    template = metadata["tokenizer.chat_template"]
    return kind(tokenizer_object=tokenizer, eos_token=end, chat_template=template, clean_up_tokenization_spaces=False)


WORKLOAD = Generate()
