"""PyTorch as every workload that uses it runs it; all of serving/ is shipped with each workload.

What infers does so `with torch.inference_mode()`: each thread is told of gradients by itself, and a service's threads
are not the one that loads. The modules come in as load() imported them.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

TORCH = (
    "torch==2.13.0",
    "filelock==4.3.1",
    "fsspec==2026.9.0",
    "jinja2==3.1.6",
    "markupsafe==3.0.4",
    "mpmath==1.3.0",
    "networkx==3.6.1",
    "numpy==2.4.6",
    "setuptools==84.2.1",
    "sympy==1.14.0",
    "typing-extensions==4.16.0",
)
"""Requirements of a workload that imports torch: all that it brings along, and numpy, without which it warns."""
TRANSFORMERS = (
    *TORCH,
    "transformers==5.24.0",
    "annotated-doc==0.0.7",
    "annotated-types==0.8.0",
    "anyio==4.16.0",
    "click==8.5.1",
    "h11==0.16.0",
    "hf-xet==1.8.0",
    "httpcore2==2.16.2",
    "httpx2==2.16.2",
    "huggingface-hub==2.4.0",
    "idna==3.20",
    "markdown-it-py==4.3.0",
    "mdurl==0.1.2",
    "packaging==26.4",
    "pydantic-core==2.50.5",
    "pydantic==2.14.4",
    "pygments==2.21.0",
    "pyyaml==6.0.4",
    "regex==2026.11.19",
    "rich==15.0.0",
    "safetensors==0.8.0",
    "shellingham==1.5.4",
    "tokenizers==0.23.3",
    "tqdm==4.70.1",
    "truststore==0.10.5",
    "typer==0.29.2",
    "typing-inspection==0.4.5",
)
"""Requirements of a workload that imports transformers, torch among them."""
WANTED_CODE = re.compile(r"GLOBAL (\S+)")
FETCH_AGAIN = "it is cut off or damaged: fetch it again"


def use_threads(torch: Any, threads: int) -> None:
    """Each inference runs on `threads` threads, whichever thread asks for it; its operators one after the other."""
    torch.set_num_threads(threads)
    if torch.get_num_interop_threads() != 1:  # a process is told once, and refuses to hear it again
        torch.set_num_interop_threads(1)


def check_safetensors(folder: Path) -> None:
    """ValueError names each safetensors file of the folder that is not whole: read are their heads alone."""
    from safetensors import SafetensorError, safe_open

    wrong = []
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, "pt"):
                pass
        except SafetensorError as error:
            wrong.append(f"{path.name} is no whole safetensors file ({error}): {FETCH_AGAIN}")
    if wrong:
        raise ValueError("; ".join(wrong))


def pretrained(kind: Any, folder: Path, unused: Iterable[str] = ()) -> Any:
    """The model of a class of transformers from a local folder, on the CPU and ready to infer.

    ValueError when its weights are damaged, or lack what the model is made of: transformers would draw that by chance.
    No pickle is read, and no code that the folder may have is run, nor is anybody asked whether it may.
    Parameters whose names begin with one of `unused` may be missing.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()
    check_safetensors(folder)
    kept = {"local_files_only": True, "use_safetensors": True, "trust_remote_code": False}
    model, told = kind.from_pretrained(folder, **kept, output_loading_info=True)
    missing = sorted(name for name in told["missing_keys"] if not name.startswith(tuple(unused)))
    if missing:
        raise ValueError(
            f"its weights lack {len(missing)} of the parameters of {type(model).__name__}, the first {missing[0]}: "
            "name the folder of a model that was saved whole, for the task that it is asked"
        )
    return model.eval()


def read_pickle(torch: Any, path: Path) -> Any:
    """The tensors of a .pth, onto the CPU; no code of it runs. ValueError when it wants that, or is damaged."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no {path}: put the weights there") from error
    except Exception as error:  # for damage torch raises whatever its reader stumbles over
        if isinstance(error, UnpicklingError) and (wanted := WANTED_CODE.search(str(error))):
            raise ValueError(
                f"{path.name} is a pickle that wants to run code ({wanted[1]}), and none of it was run: save the "
                "model's state_dict() alone, or as safetensors, where you trust the file"
            ) from None
        raise ValueError(f"{path.name} cannot be read as weights ({type(error).__name__}): {FETCH_AGAIN}") from error
