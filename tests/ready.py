"""Compiles once what each of the hundreds of processes that the tests start would otherwise compile for itself.

It matters most where PYTHONDONTWRITEBYTECODE is set, and where several workers begin at the same moment. It collects
all tests by the way, so a file that cannot be imported is told before any test runs.
"""

import compileall
import sys

import pytest

from harness.forecast.pool_loop import run_pool
from harness.forecast.service_loop import run_service
from targets.rules.fixed_replicas import FixedReplicas
from targets.rules.lambda_pool import PoolLimits


def main() -> int:
    """The bytecode of our code, both loops of the forecast, and the rewritten assertions of the tests."""
    sys.dont_write_bytecode = False
    if not all(compileall.compile_dir(folder, quiet=1) for folder in ("harness", "loadprofiles", "targets")):
        return 1
    run_pool([0.0], [1.0], [1.0], [False], PoolLimits(), 1.0)
    run_service([0.0], [1.0], FixedReplicas(), 1, [], 0.0, 1.0)
    return pytest.main(["--collect-only"])


if __name__ == "__main__":
    sys.exit(main())
