"""How serving code runs as a plain process of this machine: interpreter, environment, folder of packages."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from targets.contract import DeploymentError, Order, Package
from targets.ownership import Owner, variables
from targets.packaging.code_folder import build_code
from targets.packaging.made_model import made_model
from targets.packaging.model_folder import model_dir_problems, model_facts, model_paths, model_sha256, without_links
from targets.packaging.own_site import SITE_VARIABLE, OwnSite
from targets.packaging.site import build_site, folder_bytes, installed_packages
from targets.packaging.wheelhouse import SERVER_REQUIREMENTS
from targets.serving.accelerator import COUNT_VARIABLE, LOADING_VARIABLE
from targets.workloads.contract import Workload

CODE = Path(__file__).parents[2]
INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "HOME", "DYLD_LIBRARY_PATH", "LD_LIBRARY_PATH")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
"""The last is of tokenizers, which would take every CPU of the machine for a batch of texts."""

NO_TELEMETRY = {"ORT_DISABLE_TELEMETRY": "1"}
"""ONNX Runtime reports to its makers unless told otherwise: threads, files and traffic inside what is measured."""

FACTS: dict[str, Any] = {
    "limits": None,
    "tmp": "TMPDIR is a folder of each unit's own on disk, not limited; /tmp is this machine's",
    "shared_memory": "this machine's",
}
"""What units of processes have and have not."""


class OwnTmp:
    """A unit's own folder for temporary files: empty at first, kept while the unit is, through its restarts."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._folder: str | None = None

    def make(self) -> dict[str, str]:
        """Make it in `place`; returns the variable by which a process finds it."""
        self._folder = tempfile.mkdtemp(prefix="tmp-", dir=self._place)
        return {"TMPDIR": self._folder}

    def remove(self) -> None:
        """With everything in it. Safe to call twice."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def interpreter() -> str:
    """The Python that made our virtual environment, so that only the workload's packages are on its path."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def model_environment(workload: str, cpus: float, order: Order) -> dict[str, str]:
    """What the serving core reads, the same in a container and in a process; thread pools follow the CPU limit."""
    threads = str(order.sizing.threads)
    return {
        "FROSTLINE_WORKLOAD": workload,
        "FROSTLINE_CPUS": str(cpus),
        **dict.fromkeys(THREAD_VARIABLES, threads),
        **_gpu_variables(order.sizing.accelerators),
        **NO_TELEMETRY,
        **order.environment,
    }


def _gpu_variables(accelerators: int) -> dict[str, str]:
    """That a unit has so many GPUs, and how it is to load their kernels where the user has said so; none without."""
    if not accelerators:
        return {}
    loading = {LOADING_VARIABLE: os.environ[LOADING_VARIABLE]} if LOADING_VARIABLE in os.environ else {}
    return {COUNT_VARIABLE: str(accelerators), **loading}


def serving_environment(package: Package, order: Order) -> dict[str, str]:
    """The whole environment of one local serving process: nothing of ours leaks in but what is listed.

    On its path is what the workload imports, and the serving code. A target that runs more of its own adds its folder.

    DeploymentError where an image is to be absent."""
    if order.images_absent:
        raise DeploymentError("a process has no image that could be absent: ask for that where units are containers")
    inherited_variables = {name: os.environ[name] for name in INHERITED if name in os.environ}
    places = [*filter(None, [package.code]), package.reference]
    # Safe: what lies where the command was given is on no image's path either.
    paths = {"PYTHONPATH": os.pathsep.join(places), "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}
    model = {"FROSTLINE_MODEL_DIR": str(package.model_dir)} if package.model_dir else {}
    ledger = {"FROSTLINE_LEDGER": str(order.ledger)} if order.ledger else {}
    marks = variables(order.run_id, Owner.current())
    model_variables = model_environment(package.workload, order.sizing.cpus, order)
    return {**inherited_variables, **paths, **model_variables, **model, **ledger, **marks}


def package(workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
    """The workload's packages in a folder for this machine's Python. DeploymentError when they cannot be fetched."""
    if problems := model_dir_problems(workload, model_dir):
        raise DeploymentError("\n".join(problems))
    made = made_model(workload, say)
    code = build_code(workload)
    site, site_facts = _site(workload, say)
    facts: dict[str, Any] = {"code": code.name, "interpreter": platform.python_version(), **site_facts}
    if made:
        facts["model_recipe"], model_dir = made.sha256, made.folder
    elif model_dir is not None:
        facts["model_sha256"] = model_sha256(model_dir)
        model_dir = without_links(model_dir, facts["model_sha256"], say)
    facts |= model_facts(model_paths(model_dir).values()) if model_dir else {}
    return Package(workload.name, site, facts, model_dir, str(code))


def _site(workload: Workload, say: Callable[[str], None]) -> tuple[str, dict[str, Any]]:
    """Where the workload's packages lie, as PYTHONPATH has it, and what they are: fetched ones, or this machine's."""
    if own := OwnSite.named():
        models = [model.requirement for model in workload.models]
        facts = own.facts([*workload.requirements, *models, *SERVER_REQUIREMENTS])
        others = ", ".join(f"{name} {versions}" for name, versions in facts["not_as_pinned"].items())
        line = f"OWN PACKAGES: {workload.name} runs with those of {own.path} ({SITE_VARIABLE})"
        say(f"{line}, which are not as pinned: {others}" if others else line)
        return own.path, facts
    site = build_site(workload, say)
    facts = {"site": site.name, "site_bytes": folder_bytes(site), "packages": installed_packages(site)}
    return str(site), facts
