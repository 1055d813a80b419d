"""What is said of weights that cannot be used; with torch itself in tests/models."""

from pathlib import Path
from pickle import UnpicklingError
from types import SimpleNamespace
from typing import Any

import pytest

from targets.serving.torch_model import read_pickle, use_threads


def loading(error: Exception | None) -> Any:
    """A torch whose load() ends so; it is asked for weights alone."""

    def load(path: Path, map_location: str, weights_only: bool) -> dict[str, float]:
        assert weights_only and map_location == "cpu"
        if error is not None:
            raise error
        return {"weight": 1.0}

    return SimpleNamespace(load=load)


CODE = (
    r"x\.pth is a pickle that wants to run code \(posix\.system\), and none of it was run: save the model's state_dict"
)
DAMAGED = r"x\.pth cannot be read as weights \(\w+\): it is cut off or damaged: fetch it again"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (UnpicklingError("Unsupported global: GLOBAL posix.system was not"), CODE),
        (UnpicklingError("Unsupported operand 149"), DAMAGED),
        (RuntimeError("unexpected EOF"), DAMAGED),
        (KeyError("101"), DAMAGED),
        (FileNotFoundError(), r"no folder.x\.pth: put the weights there"),
    ],
)
def test_weights_that_cannot_be_read_are_named_with_the_fix(error: Exception, says: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=says):
        read_pickle(loading(error), Path("folder/x.pth"))
    assert read_pickle(loading(None), Path("x.pth")) == {"weight": 1.0}


def test_threads_between_operators_are_set_once_in_a_process() -> None:
    class Torch:
        told: list[tuple[str, int]] = []
        interop = 8

        def set_num_threads(self, threads: int) -> None:
            self.told.append(("within", threads))

        def get_num_interop_threads(self) -> int:
            return self.interop

        def set_num_interop_threads(self, threads: int) -> None:
            self.told.append(("between", threads))
            self.interop = threads

    torch = Torch()
    use_threads(torch, 3)
    use_threads(torch, 2)
    assert torch.told == [("within", 3), ("between", 1), ("within", 2)]
