"""What makes two experiments the same: a hash over what they ask to be measured, not over how that is written down.

The question is a part of it: another question begins another history, even where the same is measured.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.record.stated import FIELDS as ECONOMICS

SHIPPED = Path(__file__).parents[1] / "experiment" / "shipped"
"""The experiments that come with Frostline."""
BUDGET = "budget_usd"
"""What a run may cost is not what it measures."""
FORM = 1
"""Of the canonical form. Raise it when a default below changes what is measured: then every definition is another."""
DEFAULTS: Mapping[str, Any] = {
    "without_engine": [],
    "compression": 1,
    "begin": "empty",
    "profiles": [],
    "cold_starts": 2,
    "page_cache": ["kept"],
    "images": ["present"],
    "scale_out": None,
    "rounds": 10,
    "attempts": 3,
    "seed": 1,
    "replicas": 1,
    "sizing": {
        "function_memory_mb": 1769,
        "service_memory_mb": 2048,
        "service_cpus": 1,
        "edge_memory_mb": None,
        "accelerators": 0,
    },
    "function": {
        "keep_alive_s": 300,
        "timeout_s": 60,
        "init_timeout_s": 10,
        "concurrency_limit": 1000,
        "starts_per_10_s": 1000,
        "tmp_mb": 512,
    },
    "settings": {},
    "load": {"workers": 1, "prewarm": 8, "cap": 20_000, "timeout_s": 90},
    "region": None,
    "objective": None,
    "margin": 0.1,
}
"""A field that is left out means this. A new optional field gets a line here, and no history changes for it."""
INNER_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "workloads": {
        "label": None,
        "model_dir": None,
        "model_archive": None,
        "settings": {},
        "load": "init",
        "sizing": None,
    },
    "profiles": {},
    "scale_out": {"starts": 2},
    "objective": {"percentile": 95},
}
"""Of the pieces that have no default as a whole."""
PROFILE_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "bursty": {"on_mean_s": 20, "on_cv": 0.7, "off_mean_s": 50, "inside_cv": 2.5},
    "business-hours": {"opens": 8, "closes": 18, "closed_share": 0.02, "from_hour": 0},
    "constant": {},
    "diurnal": {"shape": "mild", "day_s": None},
    "ramp": {"from_rate": 0, "to_rate": None},
    "replay": {"app": None, "function": None, "failed": "drop", "sha256": None, "from_s": 0, "speed": 1},
    "sparse": {"gap_s": None},
    "steady": {},
}
"""Of the load profiles' parameters. Not of `compression`: a profile that leaves it out takes the experiment's."""


def name_or_file(name: str) -> str:
    """What `frostline run` takes for an experiment: a shipped one's name, otherwise the file that bears its name."""
    return name if (SHIPPED / f"{name}.yaml").is_file() else f"{name}.yaml"


def definition_sha256(experiment: Mapping[str, Any]) -> str:
    """Identity of an experiment as a manifest stores it: a sha256 of its canonical form."""
    text = json.dumps({"form": FORM, "experiment": canonical(experiment)}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is said of money, and without defaults, so that a field that is added later changes nothing here."""
    measured = {name: value for name, value in experiment.items() if name not in (*ECONOMICS, BUDGET)}
    pieces = {name: _piece(value, INNER_DEFAULTS.get(name, {})) for name, value in measured.items()}
    if isinstance(pieces.get("profiles"), list):
        pieces["profiles"] = [_profile(choice) for choice in pieces["profiles"]]
    return _beyond(pieces, DEFAULTS)


def _profile(choice: Any) -> Any:
    """A stranger's manifest may hold anything in its place: that stays as it is."""
    if not isinstance(choice, dict) or not isinstance(choice.get("parameters"), dict):
        return choice
    defaults, parameters = PROFILE_DEFAULTS.get(str(choice.get("name")), {}), choice["parameters"]
    if parameters.get("sha256"):  # a file is known by what it holds, not by where it lies
        parameters = {name: value for name, value in parameters.items() if name != "file"}
    return {**choice, "parameters": _beyond(parameters, defaults)}


def _piece(value: Any, defaults: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_piece(item, defaults) for item in value]
    return _beyond(value, defaults) if isinstance(value, dict) else _number(value)


def _beyond(fields: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that differ from their defaults, those of inner pieces as well."""
    kept = {}
    for name, value in fields.items():
        default = defaults.get(name, ...)
        if isinstance(value, dict):
            value = _beyond(value, default if isinstance(default, dict) else {})
            default = {} if isinstance(default, dict) else default
        elif isinstance(value, list):
            value = _piece(value, {})
        else:
            value = _number(value)
        if value != default or isinstance(value, bool):
            kept[name] = value
    return kept


def _number(value: Any) -> Any:
    """2.0 and 2 are one number; as text they would be two."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
