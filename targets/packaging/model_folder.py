"""A user's own model directory: checked before anything slow begins, its links followed wherever it goes."""

import hashlib
import mmap
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from targets.packaging.cache import assemble, cache_root
from targets.packaging.folder import file_problem, files_below
from targets.workloads.contract import Workload

LFS_POINTER = b"version https://git-lfs"
EXTERNAL = re.compile(rb"\x0a\x08location\x12([\x01-\x7f])", re.DOTALL)
"""In an ONNX file: the entry that names a file beside it which holds weights, up to the length of the name."""
LARGEST_TOLD = 3


def model_dir_problems(workload: Workload, model_dir: Path | None) -> list[str]:
    """All that is wrong with `model_dir` for this workload, each with its fix; empty when it can be used.

    None is wrong only where there is no other model: files are asked for, and no package carries them.
    """
    if model_dir is None and workload.model_files and not workload.models:
        return [
            f"workload {workload.name} has no model of its own: give a folder that holds "
            f"{', '.join(workload.model_files)}, by --model-dir FOLDER (model_dir: in an experiment)"
        ]
    if model_dir is None:
        return []
    if not workload.model_files:
        return [f"model directory {model_dir}: workload {workload.name} takes no model of yours; leave it out"]
    if not model_dir.is_dir():
        kind = "is not a folder" if model_dir.exists() else "does not exist"
        return [f"model directory {model_dir} {kind}; name a folder that holds {', '.join(workload.model_files)}"]
    if not os.access(model_dir, os.R_OK | os.X_OK):
        return [f"model directory {model_dir} cannot be read; give yourself read permission on it"]
    files, problems = files_below(model_dir)
    for name in workload.model_files:
        if name in files:
            problems += _content_problems(model_dir, name, files)
        elif not any(f" {model_dir / name} " in problem for problem in problems):
            problems.append(_missing(model_dir / name, files))
    return problems


def model_paths(model_dir: Path) -> dict[str, Path]:
    """Every file of the folder by its relative name with forward slashes, sorted, but for what is hidden.

    Links are followed, to files and to folders; those that cannot be are told by `model_dir_problems`.
    """
    return files_below(model_dir)[0]


def model_sha256(model_dir: Path) -> str:
    """The digest of every file's name and content: the same model in another folder is the same."""
    digest = hashlib.sha256()
    for name, path in model_paths(model_dir).items():
        with path.open("rb") as file:
            digest.update(name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def model_facts(files: Iterable[Path]) -> dict[str, int]:
    """What a package tells of its model's files: their size; nothing where its wheels carry the model."""
    sizes = [path.stat().st_size for path in files]
    return {"model_bytes": sum(sizes)} if sizes else {}


def without_links(model_dir: Path, sha256: str, say: Callable[[str], None]) -> Path:
    """The folder itself, or one of what its links lead to: a library may refuse weights behind a link.

    It takes no space on the disk that the files are on: they get a second name there, and are copied elsewhere.
    """
    files = model_paths(model_dir)
    if not any(_is_linked(model_dir, name) for name in files):
        return model_dir
    folder = cache_root() / "models" / sha256
    if folder.is_dir() and not _holds(folder, files, sha256):
        shutil.rmtree(folder)
    if not folder.is_dir():
        say(f"laying out what the links in {model_dir} lead to: {_sizes(files)}…")
        with assemble(folder) as draft:
            for name, path in files.items():
                (draft / name).parent.mkdir(parents=True, exist_ok=True)
                _lay_out(path, draft / name)
    return folder


def _lay_out(path: Path, place: Path) -> None:
    try:
        place.hardlink_to(path.resolve())
    except OSError:  # another disk, or one that gives a file one name; a stranger's file
        shutil.copyfile(path, place)


def _holds(folder: Path, files: Mapping[str, Path], sha256: str) -> bool:
    """Whether it is still that model: a file with a second name may have been written to under its first."""
    shared = [name for name, path in model_paths(folder).items() if path.stat().st_nlink > 1]
    unchanged = all(name in files and (folder / name).samefile(files[name]) for name in shared)
    return unchanged or model_sha256(folder) == sha256


def _is_linked(model_dir: Path, name: str) -> bool:
    """Whether the file, or a folder on the way to it, is a link."""
    parts = [part for part in (Path(name), *Path(name).parents) if part.name]
    return any((model_dir / part).is_symlink() for part in parts)


def _sizes(files: Mapping[str, Path]) -> str:
    sizes = {name: path.stat().st_size for name, path in files.items()}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:LARGEST_TOLD]
    told = ", ".join(f"{name} {_megabytes(sizes[name])}" for name in largest)
    return f"{len(sizes)} files, {_megabytes(sum(sizes.values()))} ({told})"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _missing(path: Path, files: Mapping[str, Path]) -> str:
    if problem := file_problem(path) if path.is_symlink() or path.exists() else None:
        return problem
    elsewhere = [name for name in files if Path(name).name == path.name]
    if elsewhere:
        return f"model file {path} is missing; it lies at {elsewhere[0]}: copy or link it to {path.name}"
    similar = [name for name in files if Path(name).suffix == path.suffix == ".onnx"]
    if similar:
        return (
            f"model file {path} is missing; of {', '.join(similar[:5])} copy or link the one to measure to {path.name}"
        )
    return f"model file {path} is missing; put it there"


def _content_problems(model_dir: Path, name: str, files: Mapping[str, Path]) -> Iterator[str]:
    """What can be told of a file's content without the libraries that load it."""
    path = files[name]
    with path.open("rb") as file:
        head = file.read(len(LFS_POINTER))
    if not head:
        yield f"model file {path} is empty; fetch it again"
    elif head == LFS_POINTER:
        yield f"model file {path} is a pointer of Git LFS and not the file; run git lfs pull"
    elif path.suffix == ".onnx":
        for external in sorted(_external_files(path)):
            beside = (Path(name).parent / external).as_posix()
            if Path(external).is_absolute() or ".." in Path(external).parts:
                yield f"model file {path} keeps weights in {external}, outside of its folder; save them beside it"
            elif beside not in files:
                yield f"model file {path} keeps weights in {external}, which is not in {model_dir}; put it beside it"


def _external_files(path: Path) -> set[str]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = ((match[1][0], match.end()) for match in EXTERNAL.finditer(data))
        return {data[at : at + length].decode(errors="replace") for length, at in found}
