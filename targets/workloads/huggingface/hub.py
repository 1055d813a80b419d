"""A model of a hub, named by its id and a commit: its files as they were then, fetched on the host and never in a unit.

The library of the hub keeps what it fetched where it always does, so a model that is there already is not fetched
again; it reads its own variables (HF_TOKEN, HF_ENDPOINT, HF_HOME), and none of them reaches a unit or a result.
"""

import json
import logging
import os
import re
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

FOLDER = "--model-dir FOLDER (model_dir: in an experiment)"
INSTEAD = f"or download the model elsewhere, leave `model` out, and give its folder by {FOLDER}"
ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
COMMIT = re.compile(r"[0-9a-f]{40}")
WANTED = ("*.json", "*.txt", "*.model", "*.jinja", "*.safetensors")
UNWANTED = ("*/*",)
"""Other exports of the same model, in folders below."""
NEEDED = ("config.json", "tokenizer.json")


def hub_problems(model: Any, revision: Any) -> list[str]:
    """Why these name no model of a hub, each with its fix; none when neither is given."""
    problems = []
    if model is not None and not (isinstance(model, str) and ID.fullmatch(model)):
        problems.append(f"model: {str(model)[:80]!a} is no id on a hub: write owner/name, {INSTEAD}")
    if model is not None and revision is None:
        problems.append(
            "revision: is missing: give the commit of the model's repository, 40 hex digits, so that next quarter the "
            "same files are measured"
        )
    elif revision is not None and model is None:
        problems.append("revision: belongs to `model`, which is missing: name that, or leave this out")
    elif revision is not None and not (isinstance(revision, str) and COMMIT.fullmatch(revision)):
        problems.append(f"revision: {str(revision)[:80]!a} is no commit: give its 40 hex digits, not a branch")
    return problems


def fetch(model: str, revision: str, folder: Path) -> None:
    """Its configuration, tokenizer and safetensors into `folder`. ValueError with the fix when they cannot be had."""
    try:
        import huggingface_hub
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
    except ImportError:
        raise ValueError(
            f"fetching {model} takes the library of the hub: pip install 'frostline[hub]', {INSTEAD}"
        ) from None
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # how often it tries again is no error yet
    try:
        found = huggingface_hub.snapshot_download(
            model,
            revision=revision,
            endpoint=os.environ.get("HF_ENDPOINT"),
            allow_patterns=list(WANTED),
            ignore_patterns=list(UNWANTED),
        )
    except GatedRepoError:
        raise ValueError(f"{model} is gated: accept its terms on the hub and set HF_TOKEN, {INSTEAD}") from None
    except RevisionNotFoundError:
        raise ValueError(f"{model} has no commit {revision}: take one from its list of commits, {INSTEAD}") from None
    except RepositoryNotFoundError:
        raise ValueError(
            f"the hub has no {model} for you: correct the id, set HF_TOKEN if it is private, {INSTEAD}"
        ) from None
    except Exception as error:  # whatever the library's own network code raises: it is not all of one kind
        told = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{model} cannot be fetched ({type(error).__name__}: {told}): try again where a hub "
            f"can be reached, {INSTEAD}"
        ) from error
    for path in Path(found).iterdir():  # where the hub's library keeps it for all, others may have fetched more of it
        if path.is_file() and any(fnmatch(path.name, wanted) for wanted in WANTED):
            shutil.copyfile(path, folder / path.name)
    require(model, folder)


def require(model: str, folder: Path) -> None:
    """ValueError when a file is missing without which nothing can be loaded, a part of its weights among them."""
    if missing := [name for name in NEEDED if not (folder / name).is_file()]:
        raise ValueError(f"{model} has no {' and no '.join(missing)}: save it by transformers 5, and give {FOLDER}")
    if not any(folder.glob("*.safetensors")):
        raise ValueError(
            f"{model} has no safetensors at this commit, and weights of another kind, a pickle's, are not read: take a "
            f"commit that has them, or save it by transformers 5 where you trust the file, and give {FOLDER}"
        )
    index = folder / "model.safetensors.index.json"
    try:
        parts = set(json.loads(index.read_bytes())["weight_map"].values()) if index.is_file() else set[str]()
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{index.name} of {model} names no parts of its weights ({error}): take another commit"
        ) from None
    if absent := sorted(name for name in parts if not (folder / name).is_file()):
        told = f"{model} lacks {', '.join(absent[:3])} of {len(parts)} parts"
        raise ValueError(f"{told}: try again where a hub can be reached")
