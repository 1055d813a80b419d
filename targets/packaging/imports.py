"""What a file imports, read from its text: nothing of it is run."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAY_FAIL = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
IMPORTERS = {"import_module", "__import__"}


@dataclass(frozen=True)
class Import:
    """A module, as a relative path without suffix, and the names taken from it."""

    place: Path
    names: tuple[str, ...] = ()
    optional: bool = False
    """For type checkers only, or its failure is caught."""


def imports(name: str, source: bytes) -> Iterator[Import]:
    """All imports anywhere in the file of this name, those by `import_module` with a literal among them.

    SyntaxError when it is no Python.
    """
    tree = _tree(name, source)
    optional = {id(inner) for node in ast.walk(tree) for part in _optional_parts(node) for inner in ast.walk(part)}
    for node in ast.walk(tree):
        for place, names in _of_node(name, node):
            if place.parts:
                yield Import(place, names, id(node) in optional)


def _tree(name: str, source: bytes) -> ast.Module:
    """SyntaxError for whatever the parser cannot do, which raises other errors for some of it."""
    try:
        return ast.parse(source, name)
    except (MemoryError, RecursionError) as error:
        raise SyntaxError("it is nested too deeply to be read") from error
    except ValueError as error:
        raise SyntaxError(str(error)) from error


def _of_node(name: str, node: ast.AST) -> Iterator[tuple[Path, tuple[str, ...]]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Path(*alias.name.split(".")), ()
    elif isinstance(node, ast.ImportFrom):
        yield _place(name, node.level, node.module or ""), tuple(alias.name for alias in node.names)
    elif isinstance(node, ast.Call) and _called(node.func) in IMPORTERS and node.args:
        module = node.args[0]
        if isinstance(module, ast.Constant) and isinstance(module.value, str) and module.value.strip("."):
            dots = len(module.value) - len(module.value.lstrip("."))
            yield _place(name, dots, module.value.lstrip(".")), ()


def _place(name: str, level: int, module: str) -> Path:
    """Where it imports from: each dot after the first is one folder up from the file's own."""
    folder = Path(name).parts[:-level] if level else ()
    return Path(*folder, *filter(None, module.split(".")))


def _called(function: ast.expr) -> str:
    return str(getattr(function, "attr", None) or getattr(function, "id", ""))


def _optional_parts(node: ast.AST) -> Iterator[ast.AST]:
    """The body of `if TYPE_CHECKING:`, and of a `try` that goes on without what it imports."""
    if isinstance(node, ast.If):
        yield from node.body if _called(node.test) == "TYPE_CHECKING" else ()
    elif isinstance(node, ast.Try):
        yield from node.body if any(_catches(handler.type) for handler in node.handlers) else ()


def _catches(kind: ast.expr | None) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(each is None or _called(each) in MAY_FAIL for each in kinds)
