"""What every target owes the bench; a new file of a platform is picked up with no edit here.

Every capability that a target claims is exercised; each one that it does not claim is refused with a sentence, or is of
a kind that nobody can ask it for. `python -m tests.contract.matrix` prints what each test found.
"""

import dataclasses
import inspect
import json
import math
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from http.client import HTTPException
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

import targets
from harness.load.senders import endpoint_problems
from harness.load.single import Lone
from harness.load.wire import Fate
from targets.clock import clock_id, now_ns, sleep
from targets.contract import (
    Billed,
    Capabilities,
    Demand,
    Deployment,
    DeploymentError,
    Endpoint,
    Kind,
    Order,
    Package,
    Sizing,
    Target,
)
from targets.events import Event
from tests.conftest import one_at_a_time
from tests.contract.page_cache import code_of, is_cached, is_forgotten
from tests.contract.subject import PATIENCE_S, PLATFORMS, WORKLOAD, Subject, deploy, post
from tests.fakes.plug_ins import put
from tests.fakes.plugged import FAR, plugged_in

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
"""The Docker client leaves sockets to the collector, which is called where each deployment ends."""

with plugged_in(FAR):
    TARGETS = {name: targets.target(name) for name in targets.target_names()}
HERE = [
    pytest.param(name, marks=pytest.mark.docker) if target.capabilities.engine else name
    for name, target in TARGETS.items()
    if not target.capabilities.billed
]
"""Those that a test deploys: what has containers needs an engine, what costs money is left to `selftest`."""
SMALL = Sizing(256, 0.5)
OVERRUN = b'{"request": 0, "handler_ms": 1, "fault": "overrun"}'
"""Of a known-truth request: it takes 4 GB unless it is killed first."""
FIX = re.compile(r"\b(start|install|set|run|make|use|give|log in|grant|export|create)\b", re.IGNORECASE)
Say = Callable[[str], None]
NOTICE_NS = 10 * 10**9


def members(protocol: type) -> set[str]:
    """Names that a protocol asks for: its fields and its methods."""
    methods = {name for name, value in vars(protocol).items() if inspect.isfunction(value)}
    return {name for name in {*inspect.get_annotations(protocol), *methods} if not name.startswith("_")}


def refusal(call: Callable[[], Any]) -> None:
    """It is refused, with a sentence that says more than no."""
    with pytest.raises(DeploymentError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text and len(text.split()) >= 5, text


@pytest.fixture
def say(record_property: Callable[[str, object], None]) -> Say:
    """Takes what the matrix says of a test: proven, refused, or why neither applies."""
    return lambda word: record_property("found", word)


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> Target:
    return TARGETS[request.param]


@pytest.fixture(scope="module", params=HERE)
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """One deployment for all tests of a target that leave it as they found it."""
    with deploy(TARGETS[request.param], ledger=new_ledger(tmp_path_factory.mktemp("ledger"))) as subject:
        yield subject


def new_ledger(folder: Path) -> Path:
    """A folder that containers write into as nobody."""
    place = folder / "units"
    place.mkdir()
    place.chmod(0o777)
    return place


def test_there_are_targets() -> None:
    kinds = ("hybrid", "lambda", "queue", "service")
    local = {f"{units}-{kind}" for units in ("docker", "process") for kind in kinds}
    assert local | {"far-function", "far-queue", "far-service"} <= set(TARGETS)


def test_declares(target: Target, say: Say) -> None:
    """What can be read off a target before anything is deployed."""
    assert {name for name in members(Target) if not hasattr(target, name)} == set()
    with plugged_in(FAR):
        assert target is targets.target(target.name), "the file's name and the target's must agree"
    assert target.parts and all(part.kind in get_args(Kind) and part.bought_as for part in target.parts)
    assert len({part.name for part in target.parts}) == len(target.parts)
    assert isinstance(target.capabilities, Capabilities)
    assert json.loads(json.dumps(target.capabilities.facts())) == target.capabilities.facts()
    assert target.settings() == target.settings(), "settings have defaults and compare"
    assert dataclasses.is_dataclass(target.settings())
    assert set(target.settings().case()) == set(target.settings().compress(2.0).case())
    say("proven")


def test_says_what_is_missing(target: Target, monkeypatch: pytest.MonkeyPatch, say: Say) -> None:
    """One line with a fix."""
    for host in (None, "unix:///nonexistent/docker.sock"):
        if host:
            monkeypatch.setenv("DOCKER_HOST", host)
        why = target.missing()
        assert why is not None or not (host and target.capabilities.engine), "a dead engine is missing"
        assert why is None or ("\n" not in why and len(why) <= 400 and FIX.search(why)), why
    say("proven")


def test_deploys(subject: Subject, say: Say) -> None:
    assert {name for name in members(Deployment) if not hasattr(subject.deployment, name)} == set()
    assert all(urlsplit(endpoint.url).scheme in ("http", "https") for endpoint in subject.deployment.endpoints)
    assert subject.deployment.endpoints and subject.deployment.generation
    assert isinstance(json.loads(json.dumps(subject.deployment.describe())), dict)
    say(subject.can.deploys)


def test_answers(subject: Subject, say: Say) -> None:
    """Units count their own invocations, and what is warm is used again."""
    counts: dict[str, int] = {}
    for evidence in [subject.ask().evidence for _ in range(4)]:
        if evidence["unit"] in counts:
            assert evidence["invocation"] == counts[evidence["unit"]] + 1
            assert "init" not in evidence
        counts[evidence["unit"]] = evidence["invocation"]
        assert evidence["generation"] == subject.deployment.generation
        assert evidence["begun_ns"] <= evidence["ended_ns"]
    assert max(counts.values()) > 1
    say("proven")


def test_load_path(subject: Subject, say: Say) -> None:
    """The bench reaches it as the plain client does, and gets the id and the envelope that the platform gave."""
    assert endpoint_problems(subject.endpoint) == []
    arrival = Lone(subject.endpoint, [subject.workload.payloads()[0].body]).ask(0, now_ns(), PATIENCE_S)
    assert arrival.fate is Fate.ANSWERED and arrival.reply is not None, arrival.error
    assert arrival.status == (202 if subject.can.asynchronous else 200)
    assert bool(arrival.reply.request_id) is bool(subject.endpoint.request_id_header)
    assert (b'"frostline"' in arrival.reply.tail) is not subject.can.asynchronous
    say(subject.endpoint.sender or urlsplit(subject.endpoint.url).scheme)


def test_clock(subject: Subject, say: Say) -> None:
    """Whoever claims our clock has it; of any other, nobody knows more than its name."""
    assert (subject.ask().evidence["clock"] == clock_id()) is (subject.can.clock == "shared")
    say(subject.can.clock)


def test_cold(subject: Subject, say: Say) -> None:
    """Either no unit is left, or the next answer comes from a new generation; that one echoes it in any case."""
    before, earlier = subject.ask().evidence, subject.deployment.generation
    generation = subject.deployment.make_cold()
    assert generation == subject.deployment.generation != earlier
    if subject.can.cold == "removed":
        assert not subject.can.events or alive(subject.deployment.events()) == set()
        assert subject.can.usage != "polled" or subject.deployment.usage() == []
    subject.deployment.wake()
    after = subject.ask().evidence
    assert after["generation"] == generation and after["invocation"] == 1
    assert after["unit"] != before["unit"]
    assert after["init"]["entered_ns"] <= after["init_ended_ns"] <= after["begun_ns"]
    say(subject.can.cold)


def alive(events: list[Event]) -> set[str]:
    """Units that were created and not removed."""
    by_kind = {kind: {event["unit"] for event in events if event["kind"] == kind} for kind in ("create", "removed")}
    return by_kind["create"] - by_kind["removed"]


def test_reset(subject: Subject, tmp_path: Path, say: Say) -> None:
    """As deploy left it, and, where one deployment serves many trials, with a ledger for each."""
    asked = subject.ask().evidence
    ledger = new_ledger(tmp_path) if subject.can.deploys == "per_run" else subject.order.ledger
    subject.deployment.reset(ledger)
    if subject.target.parts[0].kind == "function":  # what it stands before may be a service, which goes on
        first = [event for event in subject.deployment.events() if "part" not in event]
        assert not subject.can.events or alive(first) == set()
    after = [subject.ask(endpoint).evidence for endpoint in subject.deployment.endpoints]
    assert all(evidence["invocation"] == 1 for evidence in after)
    assert asked["generation"] not in {evidence["generation"] for evidence in after}
    assert ledger is not None and any('"begun"' in path.read_text() for path in ledger.glob("[0-9]*.jsonl"))
    say("proven")


def test_usage(subject: Subject, say: Say) -> None:
    """Asked for at any moment; elsewhere that is refused, and the platform tells: of units here, or of requests."""
    if subject.can.usage != "polled":
        refusal(subject.deployment.usage)
        say("per request" if subject.can.usage == "per_request" else told_afterwards(subject))
        return
    unit = subject.ask().evidence["unit"]
    (usage,) = [usage for usage in subject.deployment.usage() if usage.unit == unit]
    assert usage.memory_bytes is None or usage.memory_bytes > 0
    say("proven")


def told_afterwards(subject: Subject) -> str:
    """The platform tells the memory of a unit that answered, also once that one is gone."""
    unit = subject.ask().evidence["unit"]
    subject.deployment.make_cold()
    subject.deployment.settle(PATIENCE_S)
    of_units = [witness for witness in subject.deployment.witnesses() if witness.request_id is None]
    subject.deployment.wake()
    (told,) = [witness for witness in of_units if witness.unit == unit]
    assert told.memory_used_bytes is not None and told.memory_used_bytes > 0
    return "afterwards"


def test_events(subject: Subject, say: Say) -> None:
    """Every start and every stop, with its unit; nothing at all where that is no capability."""
    unit = subject.ask().evidence["unit"]
    subject.deployment.make_cold()
    own = [event for event in subject.deployment.events() if event.get("unit") == unit]
    subject.deployment.wake()
    if not subject.can.events:
        assert subject.deployment.events() == []
        say("absent")
        return
    kinds = [event["kind"] for event in own]
    assert kinds[0] == "create" and isinstance(own[0]["for_request"], bool)
    assert kinds.index("create") < kinds.index("started") < kinds.index("removed")
    say("proven")


def test_witnesses(subject: Subject, say: Say) -> None:
    """What the platform says of requests names those that were sent, each once; what it does not say is absent."""
    subject.deployment.settle(0)
    told = endpoint_ids(subject, 12) if subject.endpoint.request_id_header else set()
    subject.deployment.settle(PATIENCE_S)
    of_requests = [witness for witness in subject.deployment.witnesses() if witness.request_id is not None]
    witnessed = [witness for witness in of_requests if witness.request_id in told]
    assert len({witness.request_id for witness in witnessed}) == len(witnessed)
    if subject.can.usage != "per_request":
        assert of_requests == []
        say("absent")
        return
    assert told, "nothing can be said of requests that have no id"
    assert len(witnessed) >= len(told) / 2, "some may be lost, not most"
    assert any(witness.memory_used_bytes for witness in witnessed)
    for witness in witnessed:
        known = [witness.billed_ns, witness.init_ns, witness.restore_ns]
        assert all(figure >= 0 for figure in known if figure is not None)
        assert (witness.billed_ns or 0) % 1_000_000 == 0
    say("proven")


def endpoint_ids(subject: Subject, count: int) -> set[str]:
    """Ids of so many requests, as the replies give them."""
    body, header = subject.workload.payloads()[0].body, subject.endpoint.request_id_header
    ids = {post(subject.endpoint, body).headers[header] for _ in range(count)}
    assert len(ids) == count
    if subject.can.asynchronous:
        assert ids <= {end.request_id for end in subject.deployment.completions(PATIENCE_S)}
    return ids


def test_scale_out(subject: Subject, say: Say) -> None:
    if not subject.can.scale_out:
        refusal(subject.deployment.scale_out)
        say("refused")
        return
    first = subject.ask().evidence["unit"]
    endpoint = subject.deployment.scale_out()
    assert subject.ask(endpoint).evidence["unit"] != first
    say("proven")


def with_toy(workload: str, folder: Path, *files: str) -> AbstractContextManager[None]:
    """This workload among those that are listed, unless it is already."""
    return plugged_in(*([] if workload in targets.workload_names() else [put(folder, *files)]))


@pytest.mark.parametrize("name", HERE)
def test_streams(name: str, tmp_path: Path, say: Say) -> None:
    """A workload that streams is answered chunk by chunk, and whole where that is no capability.

    The second chunk is made only after the first one has come, so that whoever keeps chunks back has no answer.
    """
    target, ledger = TARGETS[name], new_ledger(tmp_path)
    with with_toy("toy-stream", tmp_path, "toy_stream.py"), deploy(target, "toy-stream", ledger) as subject:
        answer = subject.ask()
        if target.capabilities.streams:
            body = json.dumps({"text": "a late frost", "after": "first"}).encode()
            in_turns = post(subject.endpoint, body, (ledger / "first").touch)
            assert in_turns.body["answer"] == ["a", "etal", "tsorf"], in_turns.body
    assert len(answer.body["answer"]) > 1 and "error" not in answer.body
    kind = "text/event-stream" if target.capabilities.streams else "application/json"
    assert subject.can.asynchronous or answer.headers["content-type"] == kind
    say("proven" if target.capabilities.streams else "whole")


def test_asynchronous(subject: Subject, say: Say) -> None:
    if not subject.can.asynchronous:
        refusal(lambda: subject.deployment.completions(0))
        say("refused")
        return
    accepted = post(subject.endpoint, subject.workload.payloads()[0].body)
    assert accepted.status == 202
    ended = subject.collect(accepted.headers[subject.endpoint.request_id_header])
    assert ended.evidence["begun_ns"] <= ended.evidence["ended_ns"]
    say("proven")


def test_accelerator(target: Target, say: Say) -> None:
    """More GPUs than any machine has are refused with the number or with the fact that there are none.

    That a unit sees its GPU is shown by tests/unit/test_gpus.py with an engine that is not there, and here not at all.
    """
    why = target.missing(accelerators=4096)
    assert why is not None and "\n" not in why and "GPU" in why and FIX.search(why), why
    here = target.missing(accelerators=1) is None
    assert target.capabilities.accelerator or not here, "who claims none gives none"
    say("refused" if not target.capabilities.accelerator else "NOT PROVEN" if here else "claimed, none here")


def test_invoke_api(subject: Subject, say: Say) -> None:
    if not subject.can.invoke_api:
        say("not applicable")
        return
    parts = urlsplit(subject.endpoint.url)
    client = boto3.client(
        "lambda",
        endpoint_url=f"{parts.scheme}://{parts.netloc}",
        region_name="eu-central-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
        config=Config(retries={"max_attempts": 0}, read_timeout=PATIENCE_S),
    )
    payload = subject.workload.payloads()[0]
    reply = client.invoke(FunctionName=parts.path.split("/")[3], Payload=payload.body)
    answer = json.loads(reply["Payload"].read())
    client.close()
    assert subject.workload.check(payload, answer["answer"], False) is None
    say("proven")


def test_engine(subject: Subject, say: Say) -> None:
    """Units are containers where that is claimed, and nowhere else."""
    subject.ask()
    started = [event for event in subject.deployment.events() if event["kind"] == "started"]
    assert all(("container" in event) is subject.can.engine for event in started)
    known = {container["Id"] for container in subject.units()}
    if not subject.can.engine:
        assert known == set()
        say("not applicable")
        return
    assert known, "a unit has just answered"
    assert not subject.can.events or are_told(subject, known), "one that a rule starts meanwhile is told a moment later"
    say("proven")


def are_told(subject: Subject, containers: set[str]) -> bool:
    """Whether the log tells of all of these, or does so soon."""
    deadline_ns = now_ns() + PATIENCE_S * 10**9
    while now_ns() < deadline_ns:
        if containers <= {event["container"] for event in subject.deployment.events() if "container" in event}:
            return True
        sleep(0.05)
    return False


@pytest.mark.parametrize("name", HERE)
def test_isolated(name: str, say: Say) -> None:
    """A unit that takes more memory than it was sized for is killed and does not answer; an engine's limits hold."""
    target = TARGETS[name]
    if not target.capabilities.isolated:
        say("not claimed")
        return
    with deploy(target, sizing=SMALL) as subject:
        subject.ask()
        for container in subject.units():
            host = container["HostConfig"]
            assert host["Memory"] == host["MemorySwap"] == SMALL.memory_mb * 2**20
            assert host["NanoCpus"] == SMALL.cpus * 10**9
        assert not is_answered(subject, OVERRUN)
        await_end_of_one(subject)
        subject.deployment.destroy()
        removed = [event for event in subject.deployment.events() if event["kind"] == "removed"]
        assert not subject.can.events or any(event.get("oom_killed") for event in removed)
    say("proven")


def await_end_of_one(subject: Subject) -> None:
    """Until the engine has noticed that a container ended: the kernel ends it before the engine knows. Where only the
    runtime within it was killed, no container ends, and the wait does."""
    deadline_ns = now_ns() + NOTICE_NS
    while now_ns() < deadline_ns and all(container["State"]["Running"] for container in subject.units()):
        sleep(0.1)


def is_answered(subject: Subject, body: bytes) -> bool:
    """Whether there is an answer at all, and no error."""
    try:
        answer = post(subject.endpoint, body)
    except (ConnectionError, HTTPException):
        return False
    if subject.can.asynchronous:
        answer = subject.collect(answer.headers[subject.endpoint.request_id_header])
    return answer.status == 200 and "answer" in answer.body


def test_page_cache(subject: Subject, say: Say) -> None:
    """What the kernel was asked to forget of a unit's code, while no unit lived, is in its cache once one has started.

    Who else reads that file at that very moment would be taken for the unit; who reads it all the time is noticed.
    """
    if not subject.can.page_cache:
        say("not claimed")
        return
    unit, came_back = subject.ask().evidence["unit"], list[bool]()
    started = [event for event in subject.deployment.events() if event["kind"] == "started" and event["unit"] == unit]
    with ExitStack() as stack:
        try:
            paths = code_of(started[-1].get("pid") if started else None, WORKLOAD.replace("-", "_"))
            files = [stack.enter_context(path.open("rb")) for path in paths]
            is_forgotten(files)  # whether that can be asked at all
        except OSError as error:
            say(f"NOT PROVEN: {error}")
            return
        for _ in range(5):
            subject.deployment.make_cold()
            out = is_forgotten(files)
            subject.deployment.wake()
            subject.ask()
            came_back += [any(map(is_cached, files))] if out else []
            if any(came_back):
                break
    assert any(came_back) or not came_back, "units start, and what they must have read is not in the cache"
    say("proven" if came_back else "NOT PROVEN: the kernel does not forget, or others read the same file")


@pytest.mark.parametrize("name", HERE)
def test_images_absent(name: str, tmp_path: Path, say: Say) -> None:
    """A start fetches the image again, and says so. Of a workload that nobody else runs: its image is removed."""
    target = TARGETS[name]
    with ExitStack() as stack:
        stack.enter_context(one_at_a_time("absent"))
        stack.enter_context(with_toy("toy-device", tmp_path, "toy_device.py", "device.py"))
        absent = deploy(target, "toy-device", images_absent=True)
        if not target.capabilities.images_absent:
            refusal(lambda: stack.enter_context(absent))
            say("refused")
            return
        subject = stack.enter_context(absent)
        subject.deployment.make_cold()
        subject.deployment.wake()
        unit = subject.ask().evidence["unit"]
        kinds = [event["kind"] for event in subject.deployment.events() if event.get("unit") == unit]
        assert {"load", "loaded"} <= set(kinds)
    say("proven")


def test_settings_of_another_target(subject: Subject, say: Say) -> None:
    """They are refused by name."""

    @dataclasses.dataclass(frozen=True)
    class Others:
        """Nobody's."""

    refusal(lambda: deploy(subject.target, settings=Others()).__enter__())
    say("refused")


@pytest.mark.parametrize("name", HERE)
def test_destroys(name: str, say: Say) -> None:
    """Twice, and nothing is left: no process, no container, nothing far away, nobody who answers."""
    with deploy(TARGETS[name]) as subject:
        subject.ask()
        assert subject.left() != []
        endpoint = subject.endpoint
        subject.deployment.destroy()
        assert subject.left() == []
        assert is_gone(endpoint)
        told = subject.deployment.events()
        assert bool(told) is subject.can.events and alive(told) == set(), "every removal is told, afterwards as well"
        subject.deployment.destroy()
        assert subject.deployment.events() == told
    say("proven")


def is_gone(endpoint: Endpoint) -> bool:
    """Whether nobody listens there, or somebody who knows of no such thing."""
    try:
        return post(endpoint, b"{}").status == 404
    except ConnectionError:
        return True


@pytest.mark.parametrize("name", HERE)
def test_sweeps(name: str, say: Say) -> None:
    """What lies where no look at this machine finds it is found and removed by its platform."""
    target, platform = TARGETS[name], PLATFORMS.get(name)
    if platform is None:
        say("not applicable")
        return
    with deploy(target) as subject:
        (remnant,) = platform.remnants(subject.order.run_id)
        assert remnant.owner and remnant in platform.remnants()
        platform.remove(remnant)
        platform.remove(remnant)
        assert subject.left() == []
    say("proven")


BILLED = [name for name, target in TARGETS.items() if target.capabilities.billed]
IMAGE = Package("echo", "frostline/echo:0", {"machine": "x86_64", "size_bytes": 200_000_000})


@pytest.mark.parametrize("name", BILLED)
def test_what_costs_money_foresees_it(name: str, say: Say) -> None:
    """A plan is shown before anything is made: more is never foreseen to cost less, and nothing is left unsaid."""
    target = TARGETS[name]
    assert isinstance(target, Billed)
    order = Order("run", Sizing.of_function(2048) if target.parts[0].kind == "function" else Sizing(2048, 1.0))
    assert all(target.resources(IMAGE, order))
    little, much = (target.foresee(IMAGE, order, Demand(n, n, 60.0 * n, 0.1)) for n in (10, 100))
    sums = [
        {sku: sum(line.quantity for line in lines if line.sku == sku) for sku in {line.sku for line in lines}}
        for lines in (little, much)
    ]
    assert sums[0].keys() == sums[1].keys() and sums[0]
    assert all(math.isfinite(sums[1][sku]) and 0 <= sums[0][sku] <= sums[1][sku] for sku in sums[0])
    assert any(sums[0][sku] < sums[1][sku] for sku in sums[0])
    say("proven")
