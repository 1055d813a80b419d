"""What all tests share: those marked `docker` need an engine, whose lack FROSTLINE_REQUIRE_DOCKER=1 makes a failure."""

import fcntl
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import docker
import pytest
from hypothesis import settings

from harness.measure.alone import LOCK_VARIABLE
from targets.local.processes import NO_TELEMETRY

for number in (signal.SIGINT, signal.SIGHUP):  # ignored where the tests were started in the background: what they
    if signal.getsignal(number) is signal.SIG_IGN:  # start would inherit that, and could not be interrupted
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
settings.register_profile("untimed", settings.default, deadline=None)  # how long an example takes is the machine's mood
settings.load_profile("untimed")
os.environ.update(NO_TELEMETRY)  # for the tests that load a model in their own process
for name in [name for name in os.environ if name.startswith("AWS_")]:  # no test reaches an account of whoever runs it
    del os.environ[name]
os.environ |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


@pytest.fixture(scope="session", autouse=True)
def lock_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests that run beside each other, or beside a run of the user's, do not refuse one another."""
    os.environ[LOCK_VARIABLE] = str(tmp_path_factory.mktemp("lock") / "frostline.lock")
    yield
    del os.environ[LOCK_VARIABLE]


@cache
def engine_refusal() -> str | None:
    """Why no Docker engine answers; None when one does."""
    try:
        client = docker.from_env(timeout=20)
        client.ping()
        client.close()
    except (docker.errors.DockerException, OSError) as error:
        return str(error)
    return None


@contextmanager
def one_at_a_time(what: str) -> Iterator[None]:
    """Of the processes that test side by side, only one does this; the others wait for it."""
    with (Path(tempfile.gettempdir()) / f"frostline-test-{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture of a Docker test is made."""
    if item.get_closest_marker("docker") is None:
        return
    why = engine_refusal()
    if why is None:
        return
    if os.environ.get("FROSTLINE_REQUIRE_DOCKER") == "1":
        pytest.fail(f"FROSTLINE_REQUIRE_DOCKER=1, but no Docker engine answers: {why}", pytrace=False)
    pytest.skip(f"no Docker engine answers: {why}")
