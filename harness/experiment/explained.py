"""Every key that an experiment may have, told from the forms that check it: what it takes, its default and its unit."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.experiment.profiles import profile, profile_names
from harness.experiment.question import Experiment

REQUIRED, NONE = "required", "none"
UNITS = {
    "ms": "ms",
    "s": "s",
    "seconds": "s",
    "mb": "MB of 2^20 bytes",
    "usd": "USD",
    "cpus": "vCPU",
    "rate": "requests per second",
}
"""By the last word of a key's name."""
RATE = re.compile(r"(?:^|.*_)(?P<what>[a-z]+)_per_(?P<of>[a-z0-9_]+)")
TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "object": "mapping",
    "boolean": "true or false",
}
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Key:
    """One key, by its place from the top, e.g. sizing.service_cpus."""

    path: str
    takes: str
    """Type and bounds, in words."""
    default: str
    unit: str
    """Empty where it has none."""
    sentence: str

    @property
    def depth(self) -> int:
        """How many keys it lies below."""
        return self.path.count(".")


LIKE = Key("like", "text", NONE, "", "A shipped experiment from which every key is taken that is not given here.")


def keys() -> list[Key]:
    """All keys in their order, each mapping's own below it; parameters of every load profile below `profiles`."""
    found = [LIKE]
    for key in _keys_of(Experiment.model_json_schema()):
        found.append(key)
        if key.path == "profiles.parameters":
            found += _profile_keys()
    return found


def below(path: str, among: list[Key]) -> list[Key]:
    """The key of this path, or of this last name, and what lies below it; empty where there is none."""
    paths = [key.path for key in among if key.path == path] or [
        key.path for key in among if key.path.endswith(f".{path}")
    ]
    return [key for key in among if any(key.path == found or key.path.startswith(f"{found}.") for found in paths)]


def _profile_keys() -> Iterator[Key]:
    for name in profile_names():
        schema = profile(name).model_json_schema()
        summary = schema.get("description", "").split("\n")[0]
        yield Key(f"profiles.{name}", "mapping", NONE, "", summary)
        yield from _keys_of(schema, f"profiles.{name}.")


def _keys_of(form: Schema, prefix: str = "", forms: Schema | None = None) -> Iterator[Key]:
    known = forms or form.get("$defs", {})
    for name, schema in form.get("properties", {}).items():
        inner = _resolve(schema, known)
        many = inner.get("type") == "array"
        item = _resolve(inner["items"], known) if many and "items" in inner else inner
        takes = _takes(inner, item)
        default = REQUIRED if name in form.get("required", []) else _default(schema)
        sentence = " ".join((schema.get("description") or "").split())
        yield Key(f"{prefix}{name}", takes, default, unit_of(name), sentence)
        if "properties" in item:
            yield from _keys_of(item, f"{prefix}{name}.", known)


def _resolve(schema: Schema, forms: Schema) -> Schema:
    """The form itself, where this one names it, or says that it may be absent."""
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    inner: Schema = options[0] if len(options) == 1 else schema
    return forms[inner["$ref"].rpartition("/")[2]] if "$ref" in inner else inner


def _takes(schema: Schema, item: Schema) -> str:
    if schema.get("type") == "array":
        least = f", at least {schema['minItems']}" if schema.get("minItems") else ""
        return f"list{least}, each {_one(item)}"
    return _one(schema)


def _one(schema: Schema) -> str:
    if choices := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return f"one of {', '.join(map(str, choices))}"
    if schema.get("format") == "path":
        return "path"
    return TYPES.get(str(schema.get("type")), "any value") + _bounds(schema)


def _bounds(schema: Schema) -> str:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below_ = schema.get("maximum"), schema.get("exclusiveMaximum")
    told = [f"from {low:,.10g}"] if low is not None else [f"above {above:,.10g}"] if above is not None else []
    told += [f"to {high:,.10g}"] if high is not None else [f"below {below_:,.10g}"] if below_ is not None else []
    told += [f"at most {schema['maxLength']} characters"] if "maxLength" in schema else []
    return f", {' '.join(told)}" if told else ""


def _default(schema: Schema) -> str:
    default = schema.get("default")
    if default is None or default in ([], {}):
        return NONE
    if isinstance(default, dict):
        return "as below"
    if isinstance(default, list):
        return f"[{', '.join(map(str, default))}]"
    return f"{default:,.10g}" if isinstance(default, int | float) else str(default)


def unit_of(name: str) -> str:
    """What a number of this name counts, by its last words; empty where they are no unit."""
    if rate := RATE.fullmatch(name):
        return f"{rate['what'].upper() if rate['what'] == 'usd' else rate['what']} per {rate['of'].replace('_', ' ')}"
    return UNITS.get(name.rpartition("_")[2], "")
