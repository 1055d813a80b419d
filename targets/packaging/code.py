"""Which files go into a unit: the serving code, one workload, and whatever of ours and the user's these import."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import targets
from targets.contract import DeploymentError
from targets.packaging.folder import files_below
from targets.packaging.imports import Import, imports
from targets.packaging.places import locate, module_file, places_of
from targets.workloads.contract import Workload

NOT_SHIPPED = ("harness", "loadprofiles")
"""Ours, and on no unit's path."""
SHARED = "put what a unit needs under targets/workloads/ or beside targets/, in a folder on PYTHONPATH"


def code_files(workload: Workload) -> dict[str, Path]:
    """By name in the build context. A plug-in's files come from where they lie; samples of ours stay with the harness.

    A package with an __init__.py of the user's goes in whole, with its data files and with modules that nobody
    imports, as they are. DeploymentError names what is missing.
    """
    serving = [f"targets/serving/{path.name}" for path in Path(targets.__path__[0], "serving").glob("*.py")]
    return {f"code/{name}": path for name, path in _closure(workload.name, [*serving, _own_file(workload)]).items()}


def own_code(workload: Workload) -> dict[str, Path]:
    """Those of them that are the workload's alone: its file, or all of its package."""
    stem = _own_file(workload).removesuffix("/__init__.py").removesuffix(".py")
    own = (f"code/{stem}.py", f"code/{stem}/")
    return {name: path for name, path in code_files(workload).items() if name.startswith(own)}


def _own_file(workload: Workload) -> str:
    stem = f"targets/workloads/{workload.name.replace('-', '_')}"
    return module_file(stem) or f"{stem}.py"


def _closure(workload: str, needed: list[str]) -> dict[str, Path]:
    """These files and all that they import, by name; then what lies beside them, which need not be fit to import."""
    files: dict[str, Path] = {}
    beside: list[str] = []
    while needed or beside:
        is_needed = bool(needed)  # what is both is read as needed, for all that is comes first
        left = needed if is_needed else beside
        name = left.pop()
        path = locate(name)
        if path is None and is_needed:
            raise DeploymentError(f"workload {workload} needs the file {name}: put it there")
        if path is None or name in files:
            continue
        files[name] = path
        packages = list(_packages_above(name))
        left += packages
        files |= _whole_packages(workload, packages, beside)
        if name.endswith(".py"):
            left += _imported_files(workload, name, path, is_needed)
    return dict(sorted(files.items()))


def _packages_above(name: str) -> Iterator[str]:
    """The __init__.py of each folder on the way that has one."""
    for folder in list(Path(name).parents)[:-1]:
        if locate(package := (folder / "__init__.py").as_posix()):
            yield package


def _whole_packages(workload: str, packages: Iterable[str], beside: list[str]) -> dict[str, Path]:
    """All data files of the user's packages among these; their modules are added to what lies `beside`."""
    data: dict[str, Path] = {}
    for package in packages:
        folder, path = Path(package).parent.as_posix(), locate(package)
        if path is None or not _is_a_users(folder):
            continue
        files, problems = files_below(path.parent)
        if problems:
            raise DeploymentError("\n".join(f"workload {workload}: {line}" for line in problems))
        for inner, file in files.items():
            if inner.endswith(".py"):
                beside.append(f"{folder}/{inner}")
            elif not inner.endswith((".pyc", "~")):
                data[f"{folder}/{inner}"] = file
    return data


def _is_a_users(folder: str) -> bool:
    """Whether this folder is a package of workloads, or lies beside targets/: not one of the bench's own packages."""
    parts = Path(folder).parts
    return parts[0] != "targets" or (parts[1:2] == ("workloads",) and len(parts) > 2)


def _imported_files(workload: str, name: str, path: Path, is_needed: bool) -> Iterator[str]:
    """Names of the files that one imports anywhere in it; a missing one of targets/ is named as a module's.

    DeploymentError where it is needed and cannot be imported in a unit.
    """
    try:
        found = list(imports(name, path.read_bytes()))
    except SyntaxError as error:
        if is_needed:
            raise DeploymentError(f"workload {workload}: {path}: {error}: correct it") from error
        return
    for each in found:
        top = each.place.parts[0]
        if is_needed and top in NOT_SHIPPED and not each.optional:
            module = ".".join(each.place.parts)
            raise DeploymentError(f"workload {workload}: {path} imports {module}, which no unit has: {SHARED}")
        yield from _names_from(each)


def _names_from(each: Import) -> Iterator[str]:
    """Of `from place import names`: what is imported first, and those of the names that are modules in it."""
    yield from _module(each.place, each.optional)
    if not places_of(each.place.as_posix()):
        return
    has_code = locate((each.place / "__init__.py").as_posix()) is not None
    for inner in (each.place / name for name in each.names if name != "*"):
        if not has_code or module_file(inner.as_posix()) or places_of(inner.as_posix()):
            yield from _module(inner, each.optional)


def _module(place: Path, optional: bool) -> Iterator[str]:
    """The file of a module; nothing for a folder without __init__.py, which holds nothing of its own.

    A missing one of targets/ is named, unless the import may fail; what is missing elsewhere is a library.
    """
    name = place.as_posix()
    if (found := module_file(name)) is not None:
        yield found
    elif not places_of(name) and place.parts[0] == "targets" and not optional:
        yield f"{name}.py"
