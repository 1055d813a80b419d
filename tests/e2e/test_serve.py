"""The command that SageMaker gives: every image that is told to `serve` is the service."""

import json

import docker
import pytest

import targets
from targets.contract import GENERATION_VARIABLE
from targets.packaging.image import DOCKERFILE, PYTHON, SERVICE_COMMAND, build_image
from tests.conftest import one_at_a_time

WORKLOAD = "echo"
ASK = """
import json, sys, time, urllib.request
url, body = "http://127.0.0.1:8080", sys.argv[1].encode()
for attempt in range(600):
    try:
        ping = urllib.request.urlopen(url + "/ping", timeout=20)
        break
    except OSError:
        time.sleep(0.1)
answer = urllib.request.urlopen(url + "/invocations", body, timeout=20)
print(json.dumps({"ping": ping.status, "status": answer.status, "body": json.load(answer)}))
"""


def test_the_command_is_the_services():
    assert f"exec {' '.join(SERVICE_COMMAND)}\\n" in DOCKERFILE.read_text()


@pytest.mark.docker
def test_an_image_that_is_told_to_serve_answers_ping_and_invocations():
    workload = targets.workload(WORKLOAD)
    payload = workload.payloads()[0]
    client = docker.from_env()
    with one_at_a_time("packaging"):
        package = build_image(client, workload, None, print)
    environment = {GENERATION_VARIABLE: "seven", "FROSTLINE_CPUS": "1"}
    limits = {"network_mode": "none", "mem_limit": "512m", "environment": environment}
    container = client.containers.create(package.reference, "serve", **limits)
    try:
        container.start()
        told = container.exec_run([PYTHON, "-c", ASK, payload.body.decode()]).output.decode()
        reply = json.loads(told)
        body = reply["body"]
        assert (reply["ping"], reply["status"]) == (200, 200)
        assert workload.check(payload, body["answer"], False) is None
        assert body["frostline"]["invocation"] == 1 and body["frostline"]["generation"] == "seven"
    except ValueError as error:
        raise AssertionError(told + container.logs().decode()) from error
    finally:
        container.remove(force=True)
        client.close()
