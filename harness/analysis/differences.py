"""What sets two runs apart besides what they measured: machine, software, packages, definition."""

from collections.abc import Iterator
from typing import Any

from harness.files.problems import mapping, shown
from harness.record.nouns import MACHINE, Manifest, package_identity

SOFTWARE = ("frostline", "python")
CODE = ("measuring_sha256", "source_sha256")
"""The code that measured; in its place earlier runs kept the identity of all code. Compared where both tell it."""
UNKNOWN = object()


def differences(a: Manifest, b: Manifest) -> list[str]:
    """One sentence per thing that differs, with both values; they come from run folders and are shown as ASCII."""
    told = [f"{what}: {value(x)} in A, {value(y)} in B" for what, x, y in facts_of_both(a, b) if differ(x, y)]
    if a.definition != b.definition:
        told.append(f"the experiment's definition changed: {value(a.definition)} in A, {value(b.definition)} in B")
    return told


def facts_of_both(a: Manifest, b: Manifest) -> Iterator[tuple[str, Any, Any]]:
    """Everything that both could be told apart by: its name and both values."""
    machines = [mapping(manifest.facts.get("machine")) for manifest in (a, b)]
    for name in MACHINE:
        yield f"different machine: {name}", *(machine.get(name, UNKNOWN) for machine in machines)
    software = [mapping(manifest.facts.get("software")) for manifest in (a, b)]
    for name in SOFTWARE:
        yield f"different software: {name}", *(known.get(name, UNKNOWN) for known in software)
    for name in CODE:
        if all(name in known for known in software):
            yield f"different software: {name}", *(known[name] for known in software)
    libraries = [mapping(known.get("packages")) for known in software]
    for name in sorted(libraries[0].keys() | libraries[1].keys()):
        yield f"different software: {label(name)}", *(known.get(name, UNKNOWN) for known in libraries)
    phases = [manifest.facts.get("phases_version", UNKNOWN) for manifest in (a, b)]
    yield "different list of phases: phases_version", phases[0], phases[1]
    for key in sorted(a.packages.keys() & b.packages.keys()):
        one, other = (package_identity(of.packages[key]) or UNKNOWN for of in (a, b))
        yield f"different package: {label(key)}", one, other


def differ(one: Any, other: Any) -> bool:
    """Whether they are not the same; what neither run tells is no difference."""
    return one is not other and one != other


def value(given: Any) -> str:
    """A value from a stranger's file, short and harmless."""
    return "not told" if given is UNKNOWN else shown(given)


def label(name: Any) -> str:
    """A name from a stranger's file, without quotes."""
    return shown(str(name))[1:-1]
