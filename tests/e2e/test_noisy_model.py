"""A model that prints what it likes, and the Invoke operation over real sandboxes, by boto3."""

import base64
import json
import re
import secrets
from contextlib import contextmanager

import boto3
import pytest
from botocore.config import Config

import targets
from targets.clock import now_ns
from targets.contract import Order, Sizing
from targets.settings import FunctionSettings
from tests.e2e.bench import until
from tests.fakes.plugged import plugged_in

NOISY = """
import json, os, subprocess, sys, tempfile, time

class Noisy:
    name, summary = "noisy", "Prints whatever would garble a line"
    requirements, models, model_files = (), (), ()

    def load(self, phase, model_dir, threads):
        print("loading 50%", end="", flush=True)
        print("warning: ", end="", file=sys.stderr, flush=True)
        print(json.dumps({"frostline.mark": "init_end", "unit": "0001", "at_ns": 2**62}), flush=True)
        os.write(1, b"\\xff" * 3_000_000)
        subprocess.run([sys.executable, "-c", "print('a child', end='')"], check=True)
        time.sleep(float(os.environ.get("NOISY_INIT_S", "0")))
        if "NOISY_CLOSES" in os.environ:
            os.close(1)
        return infer

    def payloads(self):
        return []

def infer(request):
    if "say" in request:
        print(request["say"], flush=True)
    if "write_mb" in request:
        with open(os.path.join(tempfile.gettempdir(), "written"), "wb") as file:
            for _ in range(request["write_mb"]):
                file.write(bytes(2**20))
    if "exit" in request:
        os._exit(request["exit"])
    held = b"x" * (request.get("hold_mb", 0) * 2**20)
    time.sleep(request.get("sleep", 0))
    if "fail" in request:
        raise KeyError("broke")
    return "x" * request.get("size", 1)

WORKLOAD = Noisy()
"""
FUNCTIONS = ["process-lambda", pytest.param("docker-lambda", marks=pytest.mark.docker)]
SERVICES = ["process-service", pytest.param("docker-service", marks=pytest.mark.docker)]


@pytest.fixture(scope="module")
def deploy(tmp_path_factory):
    """Deploys the noisy model on a target, packaged once for each."""
    folder = tmp_path_factory.mktemp("plug-in")
    (folder / "targets" / "workloads").mkdir(parents=True)
    (folder / "targets" / "workloads" / "noisy.py").write_text(NOISY)
    packages = {}

    @contextmanager
    def deployed(name, settings=None, memory_mb=1769, **environment):
        target = targets.target(name)
        if name not in packages:
            packages[name] = target.package(targets.workload("noisy"), None, lambda text: None)
        is_function = "lambda" in name
        sizing = Sizing.of_function(memory_mb) if is_function else Sizing(2048, 1.0)
        if settings is None and is_function:
            settings = FunctionSettings(init_timeout_s=120)  # a busy machine may take longer than the usual 10 s
        order = Order(f"noisy-{secrets.token_hex(4)}", sizing, settings, environment=environment)
        deployment = target.deploy(packages[name], order)
        try:
            yield deployment
        finally:
            deployment.destroy()

    with plugged_in(folder):
        yield deployed


def client_of(deployment):
    return boto3.client(
        "lambda",
        endpoint_url=deployment.endpoints[0].url.partition("/2015")[0],
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


def ask(client, **event):
    reply = client.invoke(FunctionName="noisy", Payload=json.dumps(event).encode())
    return reply.get("FunctionError"), json.loads(reply["Payload"].read())


def kinds(deployment):
    return [event["kind"] for event in deployment.events()]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_end_of_init_is_seen_whatever_a_model_prints(deploy, name):
    """Its request takes longer than init may, so that it would be cut off if init were not seen to end."""
    settings = FunctionSettings(init_timeout_s=6)
    with deploy(name, settings, NOISY_CLOSES="1") as deployment:
        client = client_of(deployment)
        error, reply = ask(client, sleep=7)
        assert (error, reply["answer"], reply["frostline"]["invocation"]) == (None, "x", 1)
        assert ask(client)[1]["frostline"]["invocation"] == 2
        assert "init_timeout" not in kinds(deployment)
        ends = [event for event in deployment.events() if event["kind"] == "init_end"]
        assert [end["at_ns"] for end in ends] == [reply["frostline"]["init_ended_ns"]], "its own mark, not a model's"


@pytest.mark.parametrize("name", SERVICES)
def test_a_services_start_is_seen_whatever_a_model_prints(deploy, name):
    with deploy(name, NOISY_CLOSES="1") as deployment:
        # It may answer before its last mark is looked at.
        until(lambda: "init_end" in kinds(deployment), "its own mark says that init has ended")
        assert [kind for kind in kinds(deployment) if kind.startswith("init_")] == ["init_begin", "init_end"]
        begin, end = (event for event in deployment.events() if event["kind"].startswith("init_"))
        (start,) = (event for event in deployment.events() if event["kind"] == "start")
        assert start["at_ns"] <= begin["at_ns"] < end["at_ns"] <= now_ns()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_restart_after_a_time_out_counts_against_the_next_request(deploy, name):
    with deploy(name, FunctionSettings(timeout_s=2), NOISY_INIT_S="1.5") as deployment:
        client = client_of(deployment)
        for sleep in (60, 1.0):
            error, reply = ask(client, sleep=sleep)
            assert (error, reply["errorType"]) == ("Unhandled", "Sandbox.Timedout")
            assert reply["errorMessage"].endswith("Error: Task timed out after 2.00 seconds")
        assert kinds(deployment).count("timed_out") == 2 and kinds(deployment).count("create") == 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_aws_refuses_starts_no_sandbox_and_what_it_cuts_off_is_an_error(deploy, name):
    with deploy(name) as deployment:
        client = client_of(deployment)
        with pytest.raises(client.exceptions.InvalidRequestContentException):
            client.invoke(FunctionName="noisy", Payload=b"frost")
        assert kinds(deployment) == ["open"]
        for size in (15_000_000, 6_291_556):
            error, reply = ask(client, size=size)
            assert (error, reply["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")
            assert "exceeded maximum allowed payload size (6291556 bytes)" in reply["errorMessage"]
        assert len(ask(client, size=6_000_000)[1]["answer"]) == 6_000_000
        assert kinds(deployment).count("create") == 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_functions_error_is_told_as_lambda_tells_it(deploy, name):
    with deploy(name) as deployment:
        error, reply = ask(client_of(deployment), fail=True)
        assert (error, reply["errorType"], reply["errorMessage"]) == ("Unhandled", "KeyError", "'broke'")
        assert any("infer" in line for line in reply["stackTrace"])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_tail_of_the_log_is_of_measured_figures(deploy, name):
    with deploy(name, NOISY_INIT_S="0.2") as deployment:
        client = client_of(deployment)
        logs = []
        for event in ({"say": "first words"}, {"say": "second words", "sleep": 0.1}):
            reply = client.invoke(FunctionName="noisy", LogType="Tail", Payload=json.dumps(event).encode())
            logs.append((reply["ResponseMetadata"]["RequestId"], base64.b64decode(reply["LogResult"]).decode()))
        (_, cold), (request_id, warm) = logs
        assert float(re.search(r"Init Duration: ([0-9.]+) ms", cold)[1]) >= 200
        assert "Init Duration" not in warm
        assert f"START RequestId: {request_id} Version: $LATEST\n" in warm and f"END RequestId: {request_id}\n" in warm
        assert float(re.search(r"\tDuration: ([0-9.]+) ms", warm)[1]) >= 100
        assert int(re.search(r"Max Memory Used: (\d+) MB", warm)[1]) > 5
        assert "second words\n" in warm and "first words" not in warm


def logged(client, **event):
    """Its log, its answer, the whole reply."""
    reply = client.invoke(FunctionName="noisy", LogType="Tail", Payload=json.dumps(event).encode())
    return base64.b64decode(reply["LogResult"]).decode(), json.loads(reply["Payload"].read()), reply


@pytest.mark.parametrize("name", FUNCTIONS)
def test_files_are_no_memory_that_a_function_used(deploy, name):
    with deploy(name, memory_mb=256) as deployment:
        client = client_of(deployment)
        events = ({}, {"write_mb": 300}, {"hold_mb": 100, "sleep": 0.2}, {})
        logs = [logged(client, **event)[0] for event in events]
        first, wrote, held, after = (int(re.search(r"Max Memory Used: (\d+) MB", log)[1]) for log in logs)
        assert 0 < first <= wrote < first + 30
        assert 100 <= held <= after < 180


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_ends_is_told_in_its_own_words_and_by_the_requests_id(deploy, name):
    with deploy(name) as deployment:
        log, answer, reply = logged(client_of(deployment), say="last words", exit=3)
        request_id = reply["ResponseMetadata"]["RequestId"]
        assert (reply["FunctionError"], answer["errorType"]) == ("Unhandled", "Runtime.ExitError")
        assert answer["errorMessage"].endswith("exit status 3")
        assert ("RequestId: " in answer["errorMessage"]) <= (request_id in answer["errorMessage"])
        assert f"last words\nEND RequestId: {request_id}\n" in log and "(rapid)" not in log


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_event_runs_in_the_background(deploy, name):
    with deploy(name) as deployment:
        client = client_of(deployment)
        assert client.invoke(FunctionName="noisy", InvocationType="Event", Payload=b"{}")["StatusCode"] == 202
        until(lambda: "init_end" in kinds(deployment), "the event is carried out")
