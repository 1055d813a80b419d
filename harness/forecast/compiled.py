"""The one way in which a loop is compiled: by numba where that is installed, and else left as the Python it is."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar

from harness.interruption import plainly

P = ParamSpec("P")
R = TypeVar("R")

_failures: list[str] = []


def why_plain() -> str | None:
    """Why loops run as plain Python, in words; None where they are compiled. Known for good once a loop has run."""
    return _numba()[1] or next(iter(_failures), None)


class Compiled(Generic[P, R]):
    """A function of numbers, arrays and lists, compiled when it is first called; its arguments always have those types.

    Functions of its own file that it calls are compiled with it: what the cache holds goes by that one file's change.
    """

    def __init__(self, plain: Callable[P, R]) -> None:
        self.plain = plain
        """The same as it stands."""
        self._made: Callable[P, R] | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """What the plain one returns."""
        with plainly():
            if self._made is None:
                self._made = _make(self.plain, args)
            return self._made(*args, **kwargs)


def compiled(function: Callable[P, R]) -> Compiled[P, R]:
    """Have a loop compiled at its first call, in about two seconds once for a machine, where numba is installed."""
    return Compiled(function)


@cache
def _numba() -> tuple[Any, str | None]:
    """Loaded late, for it takes half a second; or why there is none."""
    try:
        numba = import_module("numba")
    except ModuleNotFoundError as error:
        if error.name == "numba":
            return None, "numba is not installed: pip install 'frostline[forecast]'"
        return None, f"numba cannot be loaded: {error}"
    except Exception as error:  # whatever a numba says that does not fit what is installed beside it
        return None, f"numba cannot be loaded: {error}"
    return (None, "NUMBA_DISABLE_JIT is set") if numba.config.DISABLE_JIT else (numba, None)


def _make(plain: Any, args: tuple[Any, ...]) -> Any:
    numba = _numba()[0]
    if numba is None:
        return plain
    for keep in (True, False):  # where nothing can be written, it is compiled anew in each process
        try:
            made = numba.njit(cache=keep)(_with_parts(numba, plain))
            with plainly():
                made.compile(tuple(map(numba.typeof, args)))
        except Exception as error:
            failure = f"numba cannot compile {plain.__name__}: {_first_line(error)}"
        else:
            return made
    _failures.append(failure)
    return plain


def _with_parts(numba: Any, plain: Any) -> Any:
    """The function, with those of its own file that it calls compiled."""
    names = plain.__globals__
    called = {name: names[name] for name in plain.__code__.co_names if name in names}
    parts = {
        name: numba.njit(part)
        for name, part in called.items()
        if isinstance(part, FunctionType) and part.__module__ == plain.__module__
    }
    copy = FunctionType(plain.__code__, names | parts, plain.__name__, plain.__defaults__, plain.__closure__)
    copy.__qualname__ = plain.__qualname__
    return copy


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
