"""How each target is to behave: what an experiment says for all that know such a setting, and for one by its name."""

import json
import typing
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic takes that of Python 3.12 and newer only

from harness.experiment.pieces import MOST_SETTINGS, FunctionChoice
from harness.files.problems import has_more_values, problems_in, quote
from targets.contract import Target
from targets.settings import Settings

MOST_REPLICAS = 64
Replicas = Annotated[int, Field(ge=1, le=MOST_REPLICAS)]


def settings_of(target: Target, shared: Mapping[str, Any], own: Mapping[str, Any], compression: float) -> Settings:
    """The target's settings: its defaults, then what of `shared` it knows, then its `own`; keep-alive compressed."""
    default = target.settings()
    known = {field.name for field in fields(default)}  # type: ignore[arg-type]
    values = {name: value for name, value in shared.items() if name in known} | _read(type(default), own)
    return replace(default, **values).compress(compression)  # type: ignore[type-var]


def settings_problems(target: Target, own: Mapping[str, Any]) -> list[str]:
    """What is wrong with a target's own settings, a line each: unknown names, wrong types, values out of bounds."""
    try:
        settings_of(target, {}, own, 1)
    except ValidationError as error:
        return problems_in(error, type(target.settings()))
    except ValueError as error:  # of the target's own class
        return str(error).split("\n")
    return []


def _read(kind: type, own: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as their types have them: a list of YAML's for a tuple, but no text for a number."""
    if not own:
        return {}
    _check_is_json(own)
    values: dict[str, Any] = _form(kind).validate_json(json.dumps(own))
    return values


def _check_is_json(own: Mapping[str, Any]) -> None:
    """YAML knows more than JSON does, and its aliases can make a few lines endless."""
    for name, value in own.items():
        refused = f"{quote(name)[1:-1]}: {quote(value)} is not accepted"
        if has_more_values(value, MOST_SETTINGS):
            raise ValueError(f"{refused}: it holds more than {MOST_SETTINGS} values")
        try:
            json.dumps(value)
        except (TypeError, ValueError):  # a date, a set, a number of thousands of digits
            raise ValueError(f"{refused}: write a text, a number, true, false, a list or a mapping") from None


@cache
def _form(kind: type) -> TypeAdapter[Any]:
    """Bounds are those of the experiment's own fields of that name; any other number is at least 0.

    A typed dictionary, for a field of a model could not have the name of one of its methods, such as copy.
    """
    known = {name: Annotated[info.annotation, *info.metadata] for name, info in FunctionChoice.model_fields.items()}
    own = {name: _bounded(hint) for name, hint in typing.get_type_hints(kind).items()}
    forms = own | known | {"replicas": Replicas}
    typed_dict: Any = TypedDict  # no type checker can follow fields that are found as the program runs
    form = typed_dict("Settings", {field.name: forms[field.name] for field in fields(kind)}, total=False)
    form.__pydantic_config__ = ConfigDict(
        strict=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True
    )
    return TypeAdapter(form)


def _bounded(hint: Any) -> Any:
    return Annotated[hint, Field(ge=0)] if hint in (int, float) else hint
