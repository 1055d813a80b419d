"""An image that is not built here: the one asked for, local or pulled, or a Debian bootstrapped in its stead."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from targets.clock import wall_time
from targets.contract import DeploymentError
from targets.packaging.bootstrap import Debian, bootstrap, bootstrap_missing
from targets.packaging.cache import assemble, cache_root
from targets.packaging.engine import ENGINE_ERRORS, engine_machine, find_image, limit_patience

PULL_SILENCE_S = 30
"""How long a registry may say nothing before a pull is given up."""
PULL_AGAIN_S = 24 * 3600


@dataclass(frozen=True)
class Obtained:
    """A local image."""

    image: Any
    reference: str
    note: str | None = None
    """Why it is not the one that was asked for."""


def obtain(client: Any, asked: str, stand_in: Debian, say: Callable[[str], None], otherwise: str) -> Obtained:
    """The image `asked`: local, else pulled, else the bootstrapped stand-in, which is said aloud.

    `otherwise` is one more way out for whoever can have neither. Raises DeploymentError.
    """
    image = find_image(client, asked)
    if image is not None:
        return Obtained(image, asked)
    refusal = _pull(client, asked, stand_in, say)
    if not refusal and (image := find_image(client, asked)) is not None:
        return Obtained(image, asked)
    image = find_image(client, stand_in.tag) or _make(client, asked, stand_in, say, otherwise)
    note = f"{asked} could not be pulled ({refusal}): {stand_in.tag} stands in, a Debian bootstrapped on this machine"
    say(f"{note}; to ask for {asked} again before a day is over, remove {_refusal_folder(asked)}")
    return Obtained(image, stand_in.tag, note)


def _pull(client: Any, asked: str, stand_in: Debian, say: Callable[[str], None]) -> str | None:
    """Pull `asked`; the reason in words when it cannot be had.

    Once a stand-in is there, a registry that refused is asked again only after a day.
    """
    folder = _refusal_folder(asked)
    if folder.is_dir():
        if 0 <= wall_time() - folder.stat().st_mtime < PULL_AGAIN_S and find_image(client, stand_in.tag):
            return (folder / "reason").read_text()
        shutil.rmtree(folder, ignore_errors=True)
    say(f"pulling image {asked}…")
    try:
        with limit_patience(client, PULL_SILENCE_S):
            full_name = asked if ":" in asked.rpartition("/")[2] or "@" in asked else f"{asked}:latest"
            lines = list(client.api.pull(full_name, stream=True, decode=True))
    except ENGINE_ERRORS as error:
        refusal = str(getattr(error, "explanation", None) or error)
    else:
        refusal = next((str(line["error"]) for line in lines if "error" in line), "")
        if not refusal and find_image(client, asked) is None:
            refusal = "the registry sent no image"
    if refusal:
        with assemble(folder) as draft:
            (draft / "reason").write_text(refusal)
    return refusal or None


def _refusal_folder(asked: str) -> Path:
    """The folder that remembers why an image could not be pulled, and by its age when."""
    return cache_root() / "refusals" / hashlib.sha256(asked.encode()).hexdigest()


def _make(client: Any, asked: str, stand_in: Debian, say: Callable[[str], None], otherwise: str) -> Any:
    if why := bootstrap_missing():
        raise DeploymentError(
            f"there is no image {asked}: it is not here and cannot be pulled, and no Debian can be bootstrapped "
            f"({why}). Load the image (`docker load`), {otherwise}, or install mmdebstrap and run as root"
        )
    return bootstrap(client, stand_in, engine_machine(client), say)
