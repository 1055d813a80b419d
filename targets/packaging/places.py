"""Where code that a workload may import lies: our targets/, plug-ins', and folders of the user's on the path."""

import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import targets


def locate(name: str) -> Path | None:
    """Where this file lies, as an import would find it; None where that is none of ours nor of the user's."""
    return next((path for entry in _roots(name) if (path := entry / name).is_file()), None)


def places_of(name: str) -> list[Path]:
    """The folders of this name."""
    return [path for entry in _roots(name) if (path := entry / name).is_dir()]


def module_file(name: str) -> str | None:
    """The file of the module of this name, where there is one: a package's comes before a module's."""
    return next((file for file in (f"{name}/__init__.py", f"{name}.py") if locate(file)), None)


def user_folders() -> list[Path]:
    """Folders on the path that are neither ours, nor Python's, nor hold installed packages."""
    ours = targets.roots()[0].resolve()
    plug_ins = [root.resolve() for root in targets.roots()[1:]]
    on_path = [Path(entry).resolve() for entry in sys.path]
    return [folder for folder in dict.fromkeys([*on_path, *plug_ins]) if folder != ours and not _is_installed(folder)]


def _roots(name: str) -> list[Path]:
    """Where a name is looked up: targets/ is spread over all its folders."""
    top = name.partition("/")[0]
    if top == "targets":
        return targets.roots()
    if top.removesuffix(".py") in sys.stdlib_module_names:
        return []
    return user_folders()


@cache
def _is_installed(folder: Path) -> bool:
    """Whether pip or Python itself put there what lies there, which reaches a unit as a requirement or as its Python;
    or whether it is another copy of Frostline."""
    if not folder.is_dir() or folder in _of_python() or next(folder.glob("*.dist-info"), None):
        return True
    if (folder / "targets" / "__init__.py").exists():
        return True
    return folder == Path(sys.executable).parent.resolve() or folder == Path(sys.prefix, "bin").resolve()


def _of_python() -> Iterator[Path]:
    paths = sysconfig.get_paths()
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield Path(paths[name]).resolve()
    yield Path(paths["platstdlib"], "lib-dynload").resolve()
    yield Path(sysconfig.get_config_var("DESTSHARED") or paths["platstdlib"]).resolve()
