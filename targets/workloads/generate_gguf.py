"""A small language model under llama.cpp, as people run one on CPUs: SmolLM2-135M-Instruct (Q4_1, 98 MB GGUF)."""

import os
import secrets
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

from targets.serving.core import cpu_limit
from targets.serving.model_files import model_folder
from targets.workloads.contract import Infer, Measured, Phase
from targets.workloads.tasks.generation import CONTEXT, MODEL, MODEL_FILE, MODEL_PLACE, Generation, Wanted, chunk

SEED = 1
"""Of a sampler that draws nothing: the likeliest token is taken."""
OWN_FILE = "model.gguf"
NEEDS = (
    "llama.cpp runs on OpenMP, which no wheel brings along: name a base image with Debian's libgomp1 in "
    "FROSTLINE_BASE_IMAGE, or measure on process targets, whose machine has it"
)


class GenerateGguf(Generation):
    """llama.cpp by xllamacpp, within this process: greedy, nothing kept of one prompt for the next."""

    name = "generate-gguf"
    summary = "Text generation, streamed: SmolLM2-135M-Instruct, 98 MB GGUF (Q4_1), llama.cpp, 16 to 96 tokens"
    requirements = ("xllamacpp==2026.10.11549",)
    models = (MODEL,)
    model_files = (OWN_FILE,)

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Phases imports and weights (with the vocabulary, which the same file holds). It streams {"text"}."""
        with phase("imports"):
            # Read as the library is loaded. A thread that spins until another has done its part takes CPU time that
            # a unit is billed for, or throttled by, and on a busy machine the other's.
            os.environ.setdefault("OMP_WAIT_POLICY", "passive")
            try:
                import xllamacpp
            except ImportError as error:
                raise ImportError(f"{error}: {NEEDS}" if "libgomp" in str(error) else str(error)) from error

        with phase("weights"):
            file = MODEL_FILE if model_dir is None else OWN_FILE
            server = open_server(xllamacpp, model_folder(MODEL, MODEL_PLACE, (file,), model_dir) / file, threads)

        def infer(request: dict[str, Any]) -> Generator[dict[str, str], None, Measured]:
            return _answer(server, Wanted.of(request))

        return infer


def open_server(xllamacpp: Any, path: Path, threads: int) -> Any:
    """The model ready to answer as many requests at once as ask it, on all of the unit's CPUs together.

    A service's model is asked by one thread per vCPU: they share these CPUs and, in llama.cpp, one batch. ValueError
    when the file is no model.
    """
    slots = max(1, cpu_limit() // threads)
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_parallel = slots
    params.n_ctx = CONTEXT * slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads * slots
    params.warmup = False  # the first inference is a phase of the start
    params.fit_params = False  # sizes are given, and no device is probed for its memory
    params.cache_ram_mib = 0  # of prompts that came before: each request is as if it were the first
    params.verbosity = 0
    params.n_threads_http = 1
    params.api_keys = [secrets.token_hex()]  # it listens on a port of the loopback, for nobody
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise ValueError(f"llama.cpp cannot load {path.name} ({error}): give it a whole GGUF file") from error


def _answer(server: Any, wanted: Wanted) -> Generator[dict[str, str], None, Measured]:
    """Each token as a chunk. One that is but a part of a letter waits for the rest of it."""
    held, usage = "", dict[str, int]()
    with closing(_events(server, wanted)) as events:
        for event in events:
            if "error" in event:
                raise ValueError(f"llama.cpp refused: {event['error'].get('message', event['error'])}")
            usage = event.get("usage") or usage
            for choice in event["choices"]:
                if finish := choice["finish_reason"]:
                    yield chunk(held, finish)
                elif text := choice["delta"].get("content"):
                    if event["timings"]["predicted_n"] == wanted.max_tokens:
                        held = text  # the last one: its end is told at once after it
                    else:
                        yield chunk(text)
    return Measured(tokens_in=usage["prompt_tokens"], tokens_out=usage["completion_tokens"])


def _events(server: Any, wanted: Wanted) -> Generator[dict[str, Any], None, None]:
    """What llama.cpp says, as it says it: from a thread of its own, for it calls back until it has ended."""
    said: SimpleQueue[dict[str, Any] | BaseException | None] = SimpleQueue()
    left = Event()

    def hear(event: dict[str, Any]) -> bool:
        said.put(event)
        return left.is_set()  # true ends it

    def ask() -> None:
        try:
            server.handle_chat_completions(_request(wanted), hear)
        except BaseException as error:
            said.put(error)
        said.put(None)

    thread = Thread(target=ask, daemon=True)
    thread.start()
    try:
        while (event := said.get()) is not None:
            if isinstance(event, BaseException):
                raise event
            yield event
    finally:
        left.set()
        thread.join()


def _request(wanted: Wanted) -> dict[str, Any]:
    return {
        "messages": wanted.messages,
        "max_tokens": wanted.max_tokens,
        "temperature": 0,
        "seed": SEED,
        "cache_prompt": False,
        "stream": True,
        "stream_options": {"include_usage": True},
        "timings_per_token": True,
    }


WORKLOAD = GenerateGguf()
