"""Which files of ours go into an image: the serving code, one workload, and whatever of targets/ these import."""

import ast
from collections.abc import Iterator
from pathlib import Path

import targets
from targets.contract import DeploymentError
from targets.workloads.contract import Workload


def code_files(workload: Workload) -> dict[str, Path]:
    """By name in the build context. A plug-in's files come from where they lie; samples stay with the harness."""
    serving = [f"serving/{path.name}" for path in Path(targets.__path__[0], "serving").glob("*.py")]
    left = [*serving, f"workloads/{workload.name.replace('-', '_')}.py"]
    files: dict[str, Path] = {}
    while left:
        name = left.pop()
        if name in files:
            continue
        path = _locate(name)
        if path is None:
            raise DeploymentError(f"workload {workload.name} needs the file targets/{name}: put it there")
        files[name] = path
        left += [*_packages_above(name), *_imports(name, path)]
    return {f"code/targets/{name}": files[name] for name in sorted(files)}


def _locate(name: str) -> Path | None:
    """Where this file of targets/ lies: ours first, as an import would find it."""
    return next((path for entry in targets.__path__ if (path := Path(entry, name)).is_file()), None)


def _is_folder(name: str) -> bool:
    return any(Path(entry, name).is_dir() for entry in targets.__path__)


def _packages_above(name: str) -> Iterator[str]:
    """The __init__.py of each folder on the way that has one."""
    for folder in Path(name).parents:
        if _locate(package := (folder / "__init__.py").as_posix()):
            yield package


def _imports(name: str, path: Path) -> Iterator[str]:
    """Files of targets/ that a file imports anywhere in it, as names; a missing one is named as a module's."""
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            for module in (alias.name.split(".") for alias in node.names):
                if module[0] == "targets":
                    yield from _module(Path(*module[1:]))
        elif isinstance(node, ast.ImportFrom):
            place = _place(name, node)
            if place is not None:
                yield from _names_from(place, [alias.name for alias in node.names])


def _place(name: str, node: ast.ImportFrom) -> Path | None:
    """Where in targets/ it imports from; None where that is elsewhere. Each dot after the first is one folder up."""
    module = node.module.split(".") if node.module else []
    if node.level:
        module = [*Path("targets", name).parts[: -node.level], *module]
    return Path(*module[1:]) if module[:1] == ["targets"] else None


def _names_from(place: Path, names: list[str]) -> Iterator[str]:
    """Of `from place import names`: what is imported first, and those of the names that are modules in it."""
    yield from _module(place)
    if not _is_folder(place.as_posix()):
        return
    has_code = _locate((place / "__init__.py").as_posix()) is not None
    for inner in (place / name for name in names if name != "*"):
        if not has_code or _file_of(inner) or _is_folder(inner.as_posix()):
            yield from _module(inner)


def _module(place: Path) -> Iterator[str]:
    """The file of a module; nothing for a folder without __init__.py, which holds nothing of its own."""
    if (found := _file_of(place)) is not None:
        yield found
    elif not _is_folder(place.as_posix()):
        yield f"{place.as_posix()}.py"


def _file_of(place: Path) -> str | None:
    """Its name, where there is one: a package's comes before a module's."""
    candidates = ((place / "__init__.py").as_posix(), f"{place.as_posix()}.py")
    return next((name for name in candidates if _locate(name)), None)
