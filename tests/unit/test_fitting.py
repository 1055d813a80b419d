"""An experiment as this machine allows it: only what is missing is replaced, and the notice says just that."""

import pytest
from rich.console import Console

import targets
from harness.commands.lambda_up import LambdaOrder, lambda_up
from harness.errors import MissingError, UsageError
from harness.experiment.question import parse_experiment
from harness.measure import fitting
from harness.measure.fitting import fit_to_machine
from targets.contract import Sizing
from targets.local import declarations, gpus
from tests.fakes.plugged import FAR, plugged_in

BOTH = ["docker-service", "docker-lambda"]
STAND_INS = ["process-service", "process-lambda"]
GONE = {"docker-service": "no engine", "docker-lambda": "no engine"}


@pytest.fixture
def missing(monkeypatch):
    """Which targets cannot run here, and why; a test may change it."""
    reasons: dict[str, str] = {}
    for name in targets.target_names():
        monkeypatch.setattr(targets.target(name), "missing", lambda gpus=0, name=name: reasons.get(name))
    return reasons


def choice(names, stand_ins):
    return fit_to_machine(
        parse_experiment(
            {
                "name": "fit",
                "question": "?",
                "workloads": ["echo"],
                "targets": names,
                "without_engine": stand_ins,
                "profiles": [{"constant": {"rate": 1, "seconds": 1}}],
            },
            "test",
        )
    )


@pytest.mark.parametrize(
    ("lacking", "names", "stand_ins", "chosen", "notice"),
    [
        ({}, BOTH, STAND_INS, BOTH, None),
        (
            GONE,
            BOTH,
            STAND_INS,
            STAND_INS,
            "process-service, process-lambda instead of docker-service, docker-lambda, ",
        ),
        (
            {"docker-lambda": "no emulator"},
            BOTH,
            STAND_INS,
            ["docker-service", "process-lambda"],
            "process-lambda instead of docker-lambda, without isolation: no emulator",
        ),
        (
            {"docker-lambda": "no emulator"},
            ["docker-lambda", "docker-service"],
            STAND_INS,
            ["process-lambda", "docker-service"],
            "process-lambda instead of docker-lambda, without isolation: no emulator",
        ),
        (
            {"docker-lambda": "no emulator"},
            [*BOTH, "process-lambda"],
            ["process-lambda"],
            ["docker-service", "process-lambda"],
            "process-lambda instead of docker-lambda, without isolation: no emulator",
        ),
        (
            GONE,
            BOTH,
            ["process-lambda"],
            ["process-lambda"],
            "process-lambda instead of docker-service, docker-lambda, without isolation: no engine "
            "(without_engine names no stand-in for docker-service alone)",
        ),
    ],
)
def test_only_what_is_missing_is_replaced(missing, lacking, names, stand_ins, chosen, notice):
    missing.update(lacking)
    found = choice(names, stand_ins)
    assert found.targets == chosen
    fallbacks = [line for line in found.notices if line.startswith("FALLBACK")]
    assert fallbacks == [] if notice is None else fallbacks[0].startswith(f"FALLBACK: {notice}")


def test_without_stand_ins_every_reason_is_told(missing):
    missing.update(GONE)
    with pytest.raises(MissingError, match="docker-service: no engine\ndocker-lambda: no engine"):
        choice(BOTH, [])


def test_a_stand_in_that_cannot_run_here_either_is_said_at_once(missing):
    missing.update(GONE | {"process-lambda": "no interpreter"})
    with pytest.raises(MissingError, match="process-lambda: no interpreter"):
        choice(BOTH, STAND_INS)


def test_more_units_than_there_are_gpus_for_are_refused_before_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(gpus, "DEVICES", tmp_path)
    monkeypatch.setattr(fitting, "unreadable", lambda: None)
    for number in range(2):
        (tmp_path / f"nvidia{number}").touch()
    fields = {"name": "fit", "question": "?", "targets": ["process-service", "process-lambda"], "workloads": ["echo"]}
    fields |= {"sizing": {"accelerators": 1}}
    with pytest.raises(MissingError) as caught:
        fit_to_machine(parse_experiment({**fields, "replicas": 3}, "test"))
    service, function = str(caught.value).split("\n")
    assert service.startswith(
        "process-service: replicas: 3 units with 1 GPUs each are asked for, and this machine has 2"
    )
    assert function.startswith("process-lambda: concurrency_limit: 1000 units") and "to 2 at most" in function
    fields |= {"replicas": 2, "function": {"concurrency_limit": 2}}
    assert fit_to_machine(parse_experiment(fields, "test")).targets == fields["targets"]


def test_the_starts_of_scale_out_need_gpus_as_well(tmp_path, monkeypatch):
    monkeypatch.setattr(gpus, "DEVICES", tmp_path)
    monkeypatch.setattr(fitting, "unreadable", lambda: None)
    for number in range(2):
        (tmp_path / f"nvidia{number}").touch()
    fields = {"name": "fit", "question": "?", "targets": ["process-service", "process-lambda"], "workloads": ["echo"]}
    fields |= {"sizing": {"accelerators": 1}, "function": {"concurrency_limit": 2}}
    with pytest.raises(MissingError) as caught:
        fit_to_machine(parse_experiment({**fields, "scale_out": {"starts": 2, "rate": 1, "seconds": 1}}, "test"))
    assert str(caught.value) == (
        "process-service: replicas: 3 units with 1 GPUs each are asked for, and this machine has 2: set replicas to 2 "
        "at most, or sizing.accelerators to less, or lower scale_out.starts (2)"
    )
    fields |= {"scale_out": {"starts": 1, "rate": 1, "seconds": 1}}
    assert fit_to_machine(parse_experiment(fields, "test")).targets == fields["targets"]


def test_what_is_deployed_once_for_a_run_is_expected_once():
    fields = {"name": "fit", "question": "?", "targets": ["far-function"], "workloads": ["echo", "filetype"]}
    fields |= {"profiles": [{"constant": {"rate": 1, "seconds": 1}}], "cold_starts": 0}
    fields |= {"begin": "empty"}
    with plugged_in(FAR):
        deploy_s = targets.target("far-function").capabilities.deploy_s
        few, many = (fit_to_machine(parse_experiment({**fields, "rounds": n}, "test")) for n in (1, 31))
        assert len(many.trials) == 62 and sum(trial.expected_s for trial in many.trials) == 62
        assert 60 * (many.expected_minutes - few.expected_minutes) == pytest.approx(60), "their load alone"
        assert 60 * few.expected_minutes >= 2 + 2 * deploy_s


@pytest.fixture
def present(monkeypatch):
    """Gives the engine and this machine so many CPUs and so much memory."""

    def give(memory_mb, cpus):
        for kind in (declarations.InContainers, declarations.AsProcesses):
            monkeypatch.setattr(kind, "present", lambda self: Sizing(memory_mb, cpus))
        for name in BOTH + STAND_INS:
            monkeypatch.setattr(targets.target(name), "missing", lambda gpus=0: None)

    return give


@pytest.mark.parametrize("names", [BOTH, STAND_INS, BOTH + STAND_INS], ids=["docker", "process", "all four"])
def test_sizes_that_this_machine_has_not_are_one_problem_for_each_cause(present, names):
    present(24_000, 2.0)
    fields = {"name": "fit", "question": "?", "targets": names, "workloads": ["echo"]}
    with pytest.raises(UsageError) as caught:
        sizing = {"function_memory_mb": 10_240, "service_cpus": 4}
        fit_to_machine(parse_experiment({**fields, "sizing": sizing}, "test"))
    assert sorted(caught.value.problems) == [
        "sizing.function_memory_mb: its vCPU follows it and is 5.79, and this machine has 2: set it to 3538 at most",
        "sizing.service_cpus: 4 are asked for, and this machine has 2: lower it",
    ]
    assert caught.value.exit_code == 2
    sizing = {"function_memory_mb": 3538, "service_cpus": 2, "service_memory_mb": 24_000}
    assert fit_to_machine(parse_experiment({**fields, "sizing": sizing}, "test")).targets == names


def test_memory_that_this_machine_has_not_is_told_for_one_unit_and_for_all(present):
    present(2000, 64.0)
    fields = {"name": "fit", "question": "?", "targets": BOTH, "workloads": ["echo"]}

    def problems(**more):
        with pytest.raises(UsageError) as caught:
            fit_to_machine(parse_experiment({**fields, **more}, "test"))
        return caught.value.problems

    assert problems(sizing={"function_memory_mb": 4000, "service_memory_mb": 3000}) == [
        "sizing.service_memory_mb: 3000 MB are asked for, and this machine has 2000: lower it",
        "sizing.function_memory_mb: 4000 MB are asked for, and this machine has 2000: lower it",
    ]
    told = (
        "replicas: {} units with 600 MB each are asked for, and this machine has 2000 MB: set replicas to 3 at most, "
    )
    told += "or sizing.service_memory_mb to less"
    small = {"service_memory_mb": 600}
    assert problems(replicas=4, sizing=small) == [told.format(4)]
    adding = {"starts": 2, "rate": 1, "seconds": 1}
    assert problems(replicas=3, sizing=small, scale_out=adding) == [told.format(5) + ", or lower scale_out.starts (2)"]
    assert fit_to_machine(parse_experiment({**fields, "replicas": 3, "sizing": small}, "test"))
    fields["targets"] = STAND_INS
    assert fit_to_machine(parse_experiment({**fields, "replicas": 9, "sizing": small}, "test")), "held to nothing"


def test_every_problem_of_load_and_size_is_told_at_once(present, missing):
    present(24_000, 2.0)
    fields = {"name": "fit", "question": "?", "targets": BOTH, "workloads": ["echo"], "sizing": {"service_cpus": 4}}
    most = {"cap": 60_000}
    with pytest.MonkeyPatch.context() as patched, pytest.raises(UsageError) as caught:
        patched.setattr("harness.measure.fitting.most_descriptors", lambda: 1000)
        fit_to_machine(parse_experiment({**fields, "load": most}, "test"))
    assert any("load.cap" in line for line in caught.value.problems)
    assert any("sizing.service_cpus" in line for line in caught.value.problems)


def test_a_local_lambda_whose_sandbox_this_machine_has_not_is_refused_before_it_is_packaged(present, monkeypatch):
    present(4000, 2.0)
    monkeypatch.setattr(targets.target("process-lambda"), "package", lambda *_: pytest.fail("packaged"))
    with pytest.raises(UsageError) as caught:
        lambda_up(LambdaOrder("echo", 0, 10_240, {}, None, "process-lambda"), Console())
    assert caught.value.problems == [
        "--memory-mb: its vCPU follows it and is 5.79, and this machine has 2: set it to 3538 at most",
        "--memory-mb: 10240 MB are asked for, and this machine has 4000: lower it",
    ]


def test_where_nobody_says_what_there_is_it_is_for_the_target_to_say_why(monkeypatch, missing):
    def silent(self):
        raise declarations.DeploymentError("no engine")

    monkeypatch.setattr(declarations.InContainers, "present", silent)
    assert choice(BOTH, STAND_INS).targets == BOTH
