"""Whatever is written into an experiment: it is read, or one UsageError says all that is wrong with it."""

import copy
import dataclasses
import datetime as dt
import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import targets
from harness.errors import UsageError
from harness.experiment.plan import plan
from harness.experiment.profiles import profile_names
from harness.experiment.question import Experiment, experiment_names, parse_experiment, read_experiment
from harness.files.strict_yaml import MOST_BYTES
from targets.local.declarations import Function
from targets.settings import ServiceSettings

VALID = {
    "name": "trial-run",
    "question": "Which one?",
    "workloads": ["echo", {"name": "filetype"}],
    "targets": ["process-service", "process-lambda"],
    "profiles": [{"steady": {"rate": 3, "seconds": 9}}, {"bursty": {"rate": 3, "seconds": 9}}],
    "cold_starts": 2,
    "rounds": 3,
    "seed": 1,
    "compression": 20,
    "sizing": {"function_memory_mb": 1769},
    "function": {"keep_alive_s": 300, "timeout_s": 60},
    "load": {"workers": 1},
    "objective": {"percentile": 95, "latency_ms": 200},
    "margin": 0.1,
}


def problems(**changes):
    """What is said about VALID with these fields instead; a field that is given as ... is left out."""
    fields = {key: value for key, value in {**copy.deepcopy(VALID), **changes}.items() if value is not ...}
    with pytest.raises(UsageError) as caught:
        parse_experiment(fields, "here")
    assert all(line.startswith("here: ") for line in caught.value.problems)
    return [line.removeprefix("here: ") for line in caught.value.problems]


def read(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_experiment(str(path))


def refusal(tmp_path, text):
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    assert len(str(caught.value)) < 4000
    return str(caught.value)


def test_the_valid_one_is_valid():
    experiment = parse_experiment(copy.deepcopy(VALID), "here")
    assert [choice.name for choice in experiment.workloads] == ["echo", "filetype"]
    assert [label for label, _ in experiment.load_profiles()] == ["steady", "bursty"]


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"workloads": ["resnet"]}, ["workloads: 'resnet' is not one of: ", *targets.workload_names()]),
        ({"targets": ["ec2"]}, ["targets: 'ec2' is not one of: ", *targets.target_names()]),
        ({"without_engine": ["ec2"]}, ["without_engine: 'ec2' is not one of: ", *targets.target_names()]),
        ({"profiles": [{"spiky": {}}]}, ["profiles: 'spiky' is not one of: ", *profile_names()]),
        ({"profiles": [{"steady": {"rate": -1, "seconds": 9}}]}, ["profiles.0.steady.rate: -1 ", "greater than 0"]),
        ({"profiles": [{"steady": {"rate": 1, "seconds": 0}}]}, ["profiles.0.steady.seconds: 0 ", "greater than 0"]),
        ({"profiles": [{"steady": {"rate": math.nan, "seconds": 1}}]}, ["profiles.0.steady.rate: nan ", "finite"]),
        ({"profiles": [{"steady": {"seconds": 1}}]}, ["profiles.0.steady.rate: is missing"]),
        ({"profiles": [{"steady": {"rate": 1, "seconds": 1, "x": 1}}]}, ["profiles.0.steady.x: 1 ", "no such field"]),
        ({"profiles": ["steady"]}, ["profiles.0: 'steady' "]),
        ({"profiles": [{"name": "steady"}]}, ["profiles.0.parameters: is missing"]),
        ({"profiles": [], "cold_starts": 0}, ["cold_starts: 0 ", "there is no profile"]),
        ({"sizing": {"function_memory_mb": 127}}, ["sizing.function_memory_mb: 127 ", "128"]),
        ({"sizing": {"service_memory_mb": 64}}, ["sizing.service_memory_mb: 64 ", "128"]),
        ({"function": {"timeout_s": 0}}, ["function.timeout_s: 0 "]),
        ({"load": {"workers": 17}}, ["load.workers: 17 ", "16"]),
        ({"rounds": 0}, ["rounds: 0 "]),
        ({"rounds": "many"}, ["rounds: 'many' ", "valid integer"]),
        ({"roundz": 3}, ["roundz: 3 is not accepted: there is no such field"]),
        ({"name": "Über"}, ["name: '\\xdcber' "]),
        ({"question": ...}, ["question: is missing"]),
        ({"workloads": []}, ["workloads: [] "]),
        ({"workloads": None}, ["workloads: None "]),
        ({"workloads": ["echo", "echo"]}, ["workloads: 'echo' is given twice"]),
        ({"targets": ["docker-lambda", "docker-lambda"]}, ["targets: 'docker-lambda' is given twice"]),
        ({"margin": 1}, ["margin: 1 "]),
        ({"seed": -1}, ["seed: -1 "]),
        ({"objective": {"percentile": 95}}, ["objective.latency_ms: is missing"]),
    ],
)
def test_one_problem_names_field_value_and_what_is_accepted(changes, parts):
    (line,) = problems(**changes)
    assert line.startswith(parts[0])
    assert all(part in line for part in parts)


def test_all_problems_are_told_at_once():
    told = problems(
        workloads=["resnet", "bert"],
        targets=["ec2"],
        without_engine=["ec3"],
        profiles=[{"spiky": {"rate": 1}}, {"bursty": {"rate": -1, "seconds": 0}}],
        rounds=-1,
        compression=0,
        sizing={"function_memory_mb": 1},
        margin=2,
        surprise=1,
        question=...,
    )
    begins = [
        "question: is missing",
        "workloads: 'resnet'",
        "workloads: 'bert'",
        "targets: 'ec2'",
        "without_engine: 'ec3'",
        "compression: 0",
        "profiles: 'spiky'",
        "profiles.1.bursty.rate: -1",
        "profiles.1.bursty.seconds: 0",
        "rounds: -1",
        "sizing.function_memory_mb: 1 ",
        "margin: 2",
        "surprise: 1",
    ]
    assert len(told) == len(begins)
    for begin in begins:
        assert sum(line.startswith(begin) for line in told) == 1, begin


def test_a_model_directory_is_looked_at(tmp_path):
    (line,) = problems(workloads=[{"name": "filetype", "model_dir": str(tmp_path / "none")}])
    assert line.startswith("workloads.filetype.model_dir: ")
    assert "does not exist" in line
    told = problems(workloads=[{"name": "filetype", "model_dir": str(tmp_path)}])
    assert [line for line in told if "model.onnx is missing" in line]
    (line,) = problems(workloads=[{"name": "echo", "model_dir": str(tmp_path)}])
    assert "takes no model" in line
    assert problems(workloads=[{"name": "filetype", "model_dir": "x" * 5000}])
    assert problems(workloads=[{"name": "filetype", "model_dir": "a\0b"}])


def test_a_profile_used_twice_is_numbered():
    twice = [{"steady": {"rate": rate, "seconds": 9}} for rate in (1, 5)]
    experiment = parse_experiment({**VALID, "profiles": [*twice, {"constant": {"rate": 1, "seconds": 1}}]}, "here")
    assert [(label, load.rate) for label, load in experiment.load_profiles()] == [
        ("steady-1", 1),
        ("steady-2", 5),
        ("constant", 1),
    ]


def test_compression_reaches_profiles_and_keep_alive():
    experiment = parse_experiment(copy.deepcopy(VALID), "here")
    assert dict(experiment.load_profiles())["bursty"].time_compression == 20
    function = targets.target("process-lambda")
    assert [experiment.settings_of(function, factor).case()["keep_alive_s"] for factor in (20, 1)] == [15, 300]
    own = parse_experiment(
        {**VALID, "profiles": [{"bursty": {"rate": 1, "seconds": 9, "compression": 2}}]}, "here"
    ).load_profiles()
    assert own[0][1].time_compression == 2


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("name:\tx\n\trounds: 3\n", "not readable YAML"),
        ("a: [1, 2", "not readable YAML"),
        ("name: a\nname: b\n", "'name' is given twice"),
        ("sizing: {function_memory_mb: 200, function_memory_mb: 300}", "'function_memory_mb' is given twice"),
        ("- a\n- b\n", "not a mapping"),
        ("just text", "not a mapping"),
        ("", "not a mapping"),
        ("1: a\n", "not a mapping"),
        (b"\x00\x01\x02\xff\xfe", "not readable YAML"),
        (b"\xff\xfe\xfa", "not readable YAML"),
        ("[" * 20_000, "not readable YAML"),
        ("a: " + "{b: " * 20_000, "not readable YAML"),
        ("!!python/object/apply:os.system [ls]", "not readable YAML"),
        ("rounds: " + "9" * 5000, "it has 5000 digits"),
        ("a: *nothing", "not readable YAML"),
        ("like: nothing\n", "like: 'nothing' is not one of: "),
        ("like: [quickstart]\n", "like: "),
    ],
)
def test_what_is_not_an_experiment_at_all(tmp_path, text, part):
    told = refusal(tmp_path, text)
    assert "mine.yaml: " in told
    assert part in told


def test_a_file_of_two_megabytes_is_refused(tmp_path):
    told = refusal(tmp_path, "# " + "x" * 2_000_000)
    assert str(MOST_BYTES) in told
    assert "2000002 bytes" in told


def test_numbers_of_any_length_can_be_told(tmp_path):
    told = refusal(tmp_path, yaml.safe_dump({**VALID, "rounds": 1}).replace("rounds: 1", "rounds: 0x" + "f" * 9000))
    assert "rounds: " in told


def test_aliases_do_not_unfold(tmp_path):
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for before, letter in zip("abcdefghij", "bcdefghijk", strict=True):
        lines.append(f"{letter}: &{letter} [{', '.join([f'*{before}'] * 9)}]")
    told = refusal(tmp_path, "\n".join([*lines, "name: *k", "endless: &z [*z]"]))
    assert "name: [" in told


@pytest.mark.parametrize("name", ["nothing", "x" * 5000, "a\0b", "/", "", "\ud800"])
def test_names_that_are_no_experiment(name):
    with pytest.raises(UsageError, match="is neither a file nor one of: baseline"):
        read_experiment(name)


@pytest.mark.parametrize("name", experiment_names())
def test_shipped_experiments_load(name):
    experiment = read_experiment(name)
    assert experiment.name == name
    for _, load in experiment.load_profiles():
        assert len(load.arrivals(experiment.seed)) > 0


def test_the_baseline_is_the_quickstart_with_ten_rounds():
    quick, baseline = (read_experiment(name).model_dump() for name in ("quickstart", "baseline"))
    assert baseline["rounds"] == 10
    named = {"name", "question", "rounds"}
    assert {key: value for key, value in baseline.items() if key not in named} == {
        key: value for key, value in quick.items() if key not in named
    }


def test_like_takes_what_is_not_given(tmp_path):
    experiment = read(tmp_path, "like: baseline\nname: mine\nworkloads: [echo]\n")
    assert (experiment.name, experiment.rounds, experiment.seed) == ("mine", 10, 1)
    assert [choice.name for choice in experiment.workloads] == ["echo"]


def test_the_definition_is_identified_by_its_content():
    first = parse_experiment(copy.deepcopy(VALID), "here")
    again = parse_experiment(dict(reversed(copy.deepcopy(VALID).items())), "there")
    assert first.sha256() == again.sha256()
    assert parse_experiment(first.model_dump(mode="json"), "manifest").sha256() == first.sha256()
    assert first.sha256() != parse_experiment({**VALID, "seed": 2}, "here").sha256()


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=5)
    | st.dates()
    | st.sampled_from(["echo", "steady", "process-lambda", "x" * 5000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutations(draw):
    """VALID with one to three places replaced, removed or added."""
    fields = copy.deepcopy(VALID)
    for _ in range(draw(st.integers(1, 3))):
        holder = fields
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(holder[key], dict | list) and draw(st.booleans()):
                holder = holder[key]
                continue
            if draw(st.booleans()):
                holder[key] = draw(anything)
            elif isinstance(holder, dict) and draw(st.booleans()):
                holder[draw(st.text(max_size=8))] = draw(anything)
            else:
                del holder[key]
            break
    return fields


@settings(max_examples=300)
@given(mutations())
def test_nothing_but_a_usage_error_comes_of_any_mutation(fields):
    try:
        experiment = parse_experiment(fields, "here")
    except UsageError as error:
        assert error.problems
        assert all(line.isprintable() and len(line) < 1000 for line in error.problems)
    else:
        assert isinstance(experiment, Experiment)
        experiment.load_profiles()
        experiment.sha256()


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"elsewhere": {}}, "settings: 'elsewhere' is not one of: aws-ecs"),
        ({"process-service": {"keep_alive_s": 5}}, "settings.process-service.keep_alive_s: "),
        ({"process-lambda": {"keep_alive_s": 0}}, "settings.process-lambda.keep_alive_s: "),
        ({"process-lambda": {"concurrency_limit": "many"}}, "settings.process-lambda.concurrency_limit: "),
        ({"process-service": {"replicas": 65}}, "settings.process-service.replicas: "),
    ],
)
def test_settings_of_a_target_are_held_to_what_it_knows(settings, part):
    assert any(part in line for line in problems(settings=settings)), problems(settings=settings)


@dataclasses.dataclass(frozen=True)
class Peculiar(ServiceSettings):
    """Settings of types that no target of ours has."""

    copy: bool = False
    zones: tuple[str, ...] = ()
    spare: int = 0


@pytest.mark.parametrize(
    ("own", "line"),
    [
        ({"keep_alive_s": "60"}, "process-lambda.keep_alive_s: '60' is not accepted: it must be a valid number"),
        ({"concurrency_limit": "5"}, "process-lambda.concurrency_limit: '5' is not accepted: it must be a valid"),
        ({"concurrency_limit": True}, "process-lambda.concurrency_limit: True is not accepted: it must be a"),
        ({"keep_alive_s": dt.date(2026, 1, 1)}, "write a text, a number, true, false, a list or a mapping"),
        ({"keep_alive_s": [0] * 10_001}, "holds more than 10000 values"),
    ],
)
def test_a_setting_of_the_wrong_type_is_refused_and_not_made_to_fit(own, line):
    (told,) = problems(settings={"process-lambda": own})
    assert line in told and told.startswith(f"settings.process-lambda.{next(iter(own))}: ")


@pytest.mark.filterwarnings("error")
def test_settings_arrive_in_the_types_that_the_target_declares(monkeypatch):
    monkeypatch.setattr(type(targets.target("process-service")), "settings", Peculiar)
    own = {"copy": True, "zones": ["a", "b"], "replicas": 2}
    experiment = parse_experiment({**copy.deepcopy(VALID), "settings": {"process-service": own}}, "here")
    assert experiment.settings_of(targets.target("process-service")) == Peculiar(2, True, ("a", "b"), 0)
    told = problems(settings={"process-service": {"copy": 1, "zones": "ab", "spare": -1}})
    assert len(told) == 3 and all("is not accepted: it must be" in line for line in told), told


def test_settings_of_a_target_count_before_those_of_all():
    own = {"process-lambda": {"keep_alive_s": 60}, "process-service": {"replicas": 3}}
    experiment = parse_experiment({**copy.deepcopy(VALID), "settings": own}, "here")
    function, service = (experiment.settings_of(targets.target(name), 20) for name in own)
    assert function.case() == {"keep_alive_s": 3, "concurrency": 1000}
    assert service.case() == {"replicas": 3}
    planned = plan(experiment, experiment.targets)
    cases = {trial.target: trial.case for trial in planned if trial.profile == "bursty"}
    assert cases["process-lambda"]["keep_alive_s"] == 3
    assert cases["process-service"]["replicas"] == 3


@pytest.mark.parametrize(
    ("claims", "part"),
    [
        ({"clock": "own"}, "events is claimed and clock is own"),
        ({"events": False}, "cold is removed and events is not claimed"),
        ({"images_absent": True}, "images_absent is claimed and engine is not"),
        ({"clock": "Own"}, "clock: 'Own' is not one of: shared, own"),
        ({"usage": "pulled"}, "usage: 'pulled' is not one of: polled, per_request, afterwards"),
    ],
)
def test_a_target_that_claims_what_cannot_be_is_refused(monkeypatch, claims, part):
    target = targets.target("process-service")
    monkeypatch.setattr(type(target), "capabilities", dataclasses.replace(target.capabilities, **claims))
    assert any(line.startswith("targets: process-service: " + part) for line in problems()), problems()


def test_a_target_without_what_a_target_has_is_refused(monkeypatch):
    monkeypatch.delattr(Function, "parts")
    assert any("targets: process-lambda: parts is missing: set it" in line for line in problems()), problems()


def test_a_target_whose_file_cannot_be_read_is_a_message(monkeypatch):
    def broken(name):
        raise ImportError("no module named frost")

    monkeypatch.setattr(targets, "target", broken)
    assert any("its file cannot be read: ImportError: no module named frost" in line for line in problems())


def test_sizes_of_further_parts_are_in_the_case(monkeypatch):
    target = targets.target("process-service")
    core = dataclasses.replace(target.parts[0], name="core")
    edge = dataclasses.replace(target.parts[0], name="edge", kind="function", bought_as="aws_lambda")
    monkeypatch.setattr(type(target), "parts", (edge, core))
    sizes = {"function_memory_mb": 512, "service_memory_mb": 4096, "service_cpus": 2}
    experiment = parse_experiment(
        {**copy.deepcopy(VALID), "targets": ["process-service"], "workloads": ["known-truth"], "sizing": sizes}, "here"
    )
    case = plan(experiment, experiment.targets)[0].case
    assert (case["memory_mb"], case["core_memory_mb"], case["core_cpus"]) == (512, 4096, 2)


def test_a_setting_may_not_be_called_as_what_tells_every_row(monkeypatch):
    class Greedy(ServiceSettings):
        def case(self):
            return {"memory_mb": 1}

    monkeypatch.setattr(type(targets.target("process-service")), "settings", Greedy)
    assert any("settings: case() has memory_mb" in line for line in problems()), problems()
