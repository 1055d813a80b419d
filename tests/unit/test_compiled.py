"""Loops are compiled where numba is there and works, and run as they stand where not, with the reason in words."""

import subprocess
import sys

import numpy as np
import pytest

from harness.forecast import compiled as module
from harness.forecast import pool_loop, service_loop
from harness.forecast.compiled import compiled, why_plain
from harness.forecast.pool_loop import run_pool
from harness.forecast.service_loop import run_service
from targets.rules.fixed_replicas import FixedReplicas
from targets.rules.lambda_pool import PoolLimits

numba = pytest.importorskip("numba")


def doubled(values):
    return add(values, values)


def add(one, other):
    return one + other


def asked(values):
    return sum(len(one) for one in globals().values() if isinstance(one, str)) + values.sum()


@pytest.fixture(autouse=True)
def nothing_known_yet(monkeypatch):
    monkeypatch.setattr(module, "_failures", [])
    module._numba.cache_clear()
    yield
    module._numba.cache_clear()


def is_compiled(loop):
    return hasattr(loop._made, "py_func")


def test_a_loop_is_compiled_with_the_functions_of_its_file_that_it_calls():
    loop = compiled(doubled)
    assert loop(np.arange(3)).tolist() == [0, 2, 4]
    assert is_compiled(loop)
    assert why_plain() is None
    assert loop.plain is doubled


def test_both_loops_of_the_forecast_are_compiled():
    run_pool([0.0], [1.0], [1.0], [False], PoolLimits(), 1.0)
    run_service([0.0], [1.0], FixedReplicas(), 1, [], 0.0, 1.0)
    assert why_plain() is None
    assert is_compiled(pool_loop._decide)
    assert is_compiled(service_loop._serve)


def test_numba_is_not_loaded_before_a_loop_runs():
    code = "import sys, harness.forecast.pool_loop, harness.forecast.service_loop; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_without_numba_the_loop_runs_as_it_stands(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    loop = compiled(doubled)
    assert loop(np.arange(3)).tolist() == [0, 2, 4]
    assert not is_compiled(loop)
    assert why_plain() == "numba is not installed: pip install 'frostline[forecast]'"


def test_a_numba_that_does_not_fit_is_told_and_does_without(monkeypatch):
    def refuse(name):
        raise ImportError("Numba needs NumPy 2.4 or less. Got NumPy 2.9.")

    monkeypatch.setattr(module, "import_module", refuse)
    assert compiled(doubled)(np.arange(3)).tolist() == [0, 2, 4]
    assert why_plain() == "numba cannot be loaded: Numba needs NumPy 2.4 or less. Got NumPy 2.9."


def test_a_numba_that_lacks_a_library_of_its_own_is_not_called_absent(monkeypatch):
    def refuse(name):
        raise ModuleNotFoundError("No module named 'llvmlite'", name="llvmlite")

    monkeypatch.setattr(module, "import_module", refuse)
    assert why_plain() == "numba cannot be loaded: No module named 'llvmlite'"


def test_what_cannot_be_compiled_runs_as_it_stands_and_is_told():
    loop = compiled(asked)
    assert loop(np.arange(3)) == asked(np.arange(3))
    assert not is_compiled(loop)
    assert why_plain().startswith("numba cannot compile asked: ")
    assert "\n" not in why_plain()


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same(monkeypatch):
    def njit(function=None, cache=False):
        if cache:
            raise RuntimeError("cannot cache function 'doubled': no locator available for file")
        return real(function)

    real = numba.njit
    monkeypatch.setattr(numba, "njit", njit)
    loop = compiled(doubled)
    assert loop(np.arange(3)).tolist() == [0, 2, 4]
    assert is_compiled(loop)
    assert why_plain() is None


def test_a_numba_that_is_switched_off_is_told(monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    loop = compiled(doubled)
    assert loop(np.arange(3)).tolist() == [0, 2, 4]
    assert why_plain() == "NUMBA_DISABLE_JIT is set"


def test_an_error_of_the_loop_itself_is_none_of_the_compiler():
    with pytest.raises(ValueError, match="broadcast"):
        compiled(pair)(np.arange(3), np.arange(2))
    assert why_plain() is None


def pair(one, other):
    return add(one, other)
