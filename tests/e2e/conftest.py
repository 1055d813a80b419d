"""A bench for each test, or for each module where one run serves several tests; what it leaves fails the test."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

import targets
from targets.contract import Package
from tests.conftest import engine_refusal, one_at_a_time

pytest.register_assert_rewrite("tests.e2e.bench")

from tests.e2e.bench import Bench  # noqa: E402 - its assertions are to be explained as well

HERE = Path(__file__).parent
BROWSERS = ("chromium", "google-chrome", "chromium-browser")
PACKAGED = ("echo", "filetype", "embed-onnx", "known-truth")


LONGEST = ("test_aws.py", "test_torch.py", "test_load_workers.py", "test_selftest.py", "test_durability.py")
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


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """A Chromium without a window; its lack skips, and FROSTLINE_REQUIRE_CHROMIUM=1 makes it a failure."""
    chromium, driver = next(filter(None, map(shutil.which, BROWSERS)), None), shutil.which("chromedriver")
    if chromium is None or driver is None:
        told = f"{'no chromedriver' if chromium else 'no Chromium'} here: `make chromium` installs both on Debian"
        if os.environ.get("FROSTLINE_REQUIRE_CHROMIUM") == "1":
            pytest.fail(f"FROSTLINE_REQUIRE_CHROMIUM=1, but {told}", pytrace=False)
        pytest.skip(told)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()
