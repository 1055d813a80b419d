"""An experiment as this machine allows it: only what is missing is replaced, and the notice says just that."""

import pytest

import targets
from harness.errors import MissingError
from harness.experiment.question import parse_experiment
from harness.measure.fitting import fit_to_machine
from targets.local import gpus
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
    with plugged_in(FAR):
        deploy_s = targets.target("far-function").capabilities.deploy_s
        few, many = (fit_to_machine(parse_experiment({**fields, "rounds": n}, "test")) for n in (1, 31))
        assert len(many.trials) == 62 and sum(trial.expected_s for trial in many.trials) == 62
        assert 60 * (many.expected_minutes - few.expected_minutes) == pytest.approx(60), "their load alone"
        assert 60 * few.expected_minutes >= 2 + 2 * deploy_s
