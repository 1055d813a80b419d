"""How the far platform is reached: the one whose folder FAR_PLATFORM names, else one that we start and that ends with
us."""

import atexit
import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from targets.contract import DeploymentError

VARIABLE = "FAR_PLATFORM"
ROOT = Path(__file__).parents[5]
LIMIT_S = 30


class Region:
    """The far platform's API, over HTTPS."""

    def __init__(self, folder: Path) -> None:
        self.ca_file = str(folder / "ca.pem")
        self._ports = json.loads((folder / "ports.json").read_text())
        self._context = ssl.create_default_context(cafile=self.ca_file)

    def url(self, path: str, scheme: str = "https") -> str:
        """Where requests to a path go."""
        return f"{scheme}://127.0.0.1:{self._ports[scheme]}{path}"

    def call(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """What the platform answers. DeploymentError when it does not, or refuses."""
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self._ports["https"], timeout=LIMIT_S, context=self._context
        )
        try:
            connection.request(method, path, json.dumps(body) if body else None)
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DeploymentError(f"the far platform does not answer {method} {path}: {error}: start it") from error
        finally:
            connection.close()
        if response.status >= 300:
            raise DeploymentError(f"the far platform refused {method} {path}: {answer.get('errorMessage')}")
        return answer


def known_region() -> Region | None:
    """The platform that there is already; None where none is known."""
    if VARIABLE in os.environ or _own_region.cache_info().currsize:
        return region()
    return None


def region() -> Region:
    """The platform."""
    folder = os.environ.get(VARIABLE)
    return Region(Path(folder)) if folder else _own_region()


@cache
def _own_region() -> Region:
    place = tempfile.TemporaryDirectory(prefix="far-platform-")
    process = start_platform(Path(place.name))

    def end() -> None:
        end_platform(process)
        place.cleanup()

    atexit.register(end)
    return Region(Path(place.name))


def start_platform(folder: Path, **options: float) -> "subprocess.Popen[bytes]":
    """Start a platform that tells in `folder` how it is reached; options: ahead_s, drift_ppm, deploy_s."""
    variables = {f"FAR_{name.upper()}": str(value) for name, value in options.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.far", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **variables},
        cwd=ROOT,
        start_new_session=True,
    )
    assert process.stdout is not None
    if process.stdout.readline() != b"ready\n":
        end_platform(process)
        raise DeploymentError("the far platform did not start: run python -m tests.fakes.far FOLDER to see why")
    return process


def end_platform(process: "subprocess.Popen[bytes]") -> None:
    """Let it end, with all its sandboxes."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    process.wait(LIMIT_S)
    process.stdout.close()
