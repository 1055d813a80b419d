"""A server that stands in for AWS's control plane, as a process of its own, and an environment that means it."""

import os
import select
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
START_S, END_S = 60, 20


@contextmanager
def moto_server():
    """Its URL; it ends with this block, and with this process."""
    command = [sys.executable, "-m", "tests.fakes.moto_server"]
    pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=quiet, cwd=ROOT, text=True) as server:
        try:
            ready, _, _ = select.select([server.stdout], [], [], START_S)
            port = server.stdout.readline().strip() if ready else ""
            assert port.isdigit(), "moto did not start"
            yield f"http://127.0.0.1:{port}"
        finally:
            server.stdin.close()
            try:
                server.wait(END_S)
            except subprocess.TimeoutExpired:
                server.kill()


def mean(patch, url):
    """Let AWS be what answers at this URL, or AWS itself of nobody's account where it is empty."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    told = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "nobodys", "AWS_SECRET_ACCESS_KEY": "nothing"}
    files = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    for name, value in {**told, **files, **({"AWS_ENDPOINT_URL": url} if url else {})}.items():
        patch.setenv(name, value)
