"""A bench for each test, or for each module where one run serves several tests; what it leaves fails the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

import targets
from targets.contract import Package
from tests.conftest import engine_refusal, one_at_a_time

pytest.register_assert_rewrite("tests.e2e.bench")

from tests.e2e.bench import Bench  # noqa: E402 - its assertions are to be explained as well

HERE = Path(__file__).parent
PACKAGED = ("echo", "filetype", "embed-onnx", "known-truth")


LONGEST = ("test_selftest.py", "test_durability.py", "test_abrupt_ends.py")
"""These begin first, so that no worker has one of them left when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What these tests hold open goes with them; what they test runs in processes of its own."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient | None]:
    """The reachable engine; None without one, where only process targets are tested."""
    if engine_refusal() is not None:
        yield None
        return
    client = docker.from_env(timeout=120)
    yield client
    client.close()


@pytest.fixture(scope="session")
def packages(engine: docker.DockerClient | None) -> dict[tuple[str, str], Package]:
    """Every workload that these tests use, made ready once, so that no test's time goes into fetching and building."""
    names = ["process-service", *(["docker-service"] if engine else [])]
    with one_at_a_time("packaging"):
        return {
            (workload, name): targets.target(name).package(targets.workload(workload), None, print)
            for workload in PACKAGED
            for name in names
        }


@contextmanager
def open_bench(folder: Path, engine: docker.DockerClient | None) -> Iterator[Bench]:
    """A bench that must leave nothing behind."""
    bench = Bench(folder / "bench", engine)
    try:
        yield bench
        assert bench.leftovers() == []
    finally:
        bench.end()


@pytest.fixture
def cleaning() -> Iterator[None]:
    """`frostline clean` looks at the whole machine: only one test at a time calls it or leaves something for it."""
    with one_at_a_time("clean"):
        yield


@pytest.fixture
def bench(
    tmp_path: Path, engine: docker.DockerClient | None, packages: dict[tuple[str, str], Package]
) -> Iterator[Bench]:
    """For one test."""
    with open_bench(tmp_path, engine) as opened:
        yield opened
