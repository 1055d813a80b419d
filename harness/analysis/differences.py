"""What sets two runs apart besides what they measured: machine, software, packages, definition."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.files.problems import quote
from harness.record.nouns import MACHINE, Manifest, package_identity

SOFTWARE = ("frostline", "python")
CODE = ("measuring_sha256", "source_sha256")
"""The code that measured; in its place earlier runs kept the identity of all code. Compared where both tell it."""
UNKNOWN = object()


def differences(a: Manifest, b: Manifest) -> list[str]:
    """One sentence per thing that differs, with both values; they come from run folders and are shown as ASCII."""
    sentences = [f"{what}: {value(x)} in A, {value(y)} in B" for what, x, y in facts_of_both(a, b) if differ(x, y)]
    codes = [[name for name in CODE if name in manifest.facts.get("software", {})] for manifest in (a, b)]
    if all(codes) and not set(codes[0]) & set(codes[1]):  # today's Frostline keeps another identity than earlier ones
        kept = f"{codes[0][0]} in A, {codes[1][0]} in B"
        sentences.append(f"the code that measured: cannot be compared (only {kept})")
    if a.definition != b.definition:
        sentences.append(f"the experiment's definition changed: {value(a.definition)} in A, {value(b.definition)} in B")
    return sentences


def facts_of_both(a: Manifest, b: Manifest) -> Iterator[tuple[str, object, object]]:
    """Everything that both could be told apart by: its name and both values."""
    machines = a.facts.get("machine", {}), b.facts.get("machine", {})
    for name in MACHINE:
        yield f"different machine: {name}", *both(machines, name)
    software = a.facts.get("software", {}), b.facts.get("software", {})
    for name in SOFTWARE:
        yield f"different software: {name}", *both(software, name)
    for name in CODE:
        if all(name in known for known in software):
            yield f"different software: {name}", *both(software, name)
    libraries = software[0].get("packages", {}), software[1].get("packages", {})
    for name in sorted(libraries[0].keys() | libraries[1].keys()):
        yield f"different software: {label(name)}", *both(libraries, name)
    for key in sorted(a.packages.keys() & b.packages.keys()):
        x, y = (package_identity(of.packages[key]) or UNKNOWN for of in (a, b))
        yield f"different package: {label(key)}", x, y


def both(facts: tuple[Mapping[str, object], Mapping[str, object]], name: str) -> tuple[object, object]:
    """A fact as each of two runs tells it, or UNKNOWN."""
    return facts[0].get(name, UNKNOWN), facts[1].get(name, UNKNOWN)


def differ(a: Any, b: Any) -> bool:
    """Whether two facts are not the same; what neither run tells is no difference."""
    return a is not b and a != b


def value(given: Any) -> str:
    """A value from a stranger's file, short and harmless."""
    return "not told" if given is UNKNOWN else quote(given)


def label(name: Any) -> str:
    """A name from a stranger's file, without quotes."""
    return quote(str(name))[1:-1]
