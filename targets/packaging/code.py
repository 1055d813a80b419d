"""Which files of ours go into an image: the serving code, one workload, and whatever of targets/ these import."""

import ast
from collections.abc import Iterator
from pathlib import Path

import targets
from targets.contract import DeploymentError, Workload


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
        left += [*_packages_above(name), *_imports(path)]
    return {f"code/targets/{name}": files[name] for name in sorted(files)}


def _locate(name: str) -> Path | None:
    """Where this file of targets/ lies: ours first, as an import would find it."""
    return next((path for entry in targets.__path__ if (path := Path(entry, name)).is_file()), None)


def _packages_above(name: str) -> Iterator[str]:
    """The __init__.py of each folder on the way that has one."""
    for folder in Path(name).parents:
        if _locate(package := (folder / "__init__.py").as_posix()):
            yield package


def _imports(path: Path) -> Iterator[str]:
    """Files of targets/ that a file imports anywhere in it, as names; a missing one is named as a module's."""
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files_of(alias.name, [])
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield from _files_of(node.module, [alias.name for alias in node.names])


def _files_of(module: str, names: list[str]) -> Iterator[str]:
    """`module`, and those of `names` that are modules in it; nothing where it is not one of targets/."""
    top, *rest = module.split(".")
    if top != "targets":
        return
    place = "/".join(rest)
    inner = [f"{place}/{name}.py".lstrip("/") for name in names]
    found = [name for name in inner if _locate(name)]
    yield from found
    if rest and not found and not _locate(f"{place}/__init__.py"):
        yield f"{place}.py"
