"""How each target is to behave: what an experiment says for all that know such a setting, and for one by its name."""

import typing
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Annotated, Any

from pydantic import Field, ValidationError, create_model

from harness.experiment.pieces import FunctionChoice
from harness.files.problems import problems_in
from harness.record.stated import Part
from targets.contract import Settings, Target

MOST_REPLICAS = 64
Replicas = Annotated[int, Field(ge=1, le=MOST_REPLICAS)]


def settings_of(target: Target, shared: Mapping[str, Any], own: Mapping[str, Any], compression: float) -> Settings:
    """The target's settings: its defaults, then what of `shared` it knows, then its `own`; keep-alive compressed."""
    names = _names(target)
    values = {name: value for name, value in shared.items() if name in names} | dict(own)
    return replace(target.settings(), **values).compress(compression)  # type: ignore[type-var]


def settings_problems(target: Target, own: Mapping[str, Any]) -> list[str]:
    """What is wrong with a target's own settings, a line each: unknown names, wrong types, values out of bounds."""
    try:
        values = _form(target).model_validate(dict(own)).model_dump(include=set(own))
        settings_of(target, {}, values, 1)
    except ValidationError as error:
        return list(problems_in(error))
    except ValueError as error:  # of the target's own class
        return str(error).split("\n")
    return []


def _names(target: Target) -> set[str]:
    return {field.name for field in fields(target.settings())}  # type: ignore[arg-type]


def _form(target: Target) -> type[Part]:
    """Bounds are those of the experiment's own fields of that name; any other number is at least 0."""
    default = target.settings()
    hints = typing.get_type_hints(type(default))
    known = {name: (info.annotation, info) for name, info in FunctionChoice.model_fields.items()}
    forms: dict[str, Any] = {"replicas": (Replicas, 1), **known}
    return create_model(
        "Settings",
        __base__=Part,
        **{name: forms.get(name, (_bounded(hints[name]), getattr(default, name))) for name in _names(target)},
    )


def _bounded(hint: Any) -> Any:
    return Annotated[hint, Field(ge=0)] if hint in (int, float) else hint
