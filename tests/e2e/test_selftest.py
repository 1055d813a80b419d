"""The self-test as a user runs it: truth beside measurement, on processes always and on containers with an engine."""

import json

import pytest

from tests.e2e.bench import Bench

NAMES = [
    "process-service",
    "process-lambda",
    pytest.param("docker-service", marks=pytest.mark.docker),
    pytest.param("docker-lambda", marks=pytest.mark.docker),
]
DISTURBED = "INVALID trials"
"""A machine that is busy with something else makes a trial INVALID; the scenario is then not judged."""
LEAST_REQUESTS = 2000
WITHOUT_VERDICTS = {"service": ("starts", "mix", "hang", "crowd"), "lambda": ("starts", "mix", "crowd")}
JUDGED = "process-lambda"
"""No target has a part in the verdicts, so one of four is enough for them: the gate has half an hour."""


@pytest.mark.parametrize("name", NAMES)
def test_what_is_measured_is_what_is_true(bench: Bench, name: str):
    some = () if name == JUDGED else WITHOUT_VERDICTS[name.partition("-")[2]]
    only = [part for label in some for part in ("--scenario", label)]
    arguments = ("selftest", "--target", name, *only, "--format", "json", "--results", bench.results)
    finished = bench.start(*arguments).finish(900)
    told = json.loads(finished.out)
    assert told["schema"] == "frostline/selftest/1"
    checks = {check["name"]: check for check in told["checks"]}
    assert all(set(check) == {"name", "target", "truth", "measured", "ok"} for check in told["checks"])
    failed = {label: check for label, check in checks.items() if not check["ok"]}
    assert all(DISTURBED in label for label in failed), failed
    assert finished.code == (1 if failed else 0)
    if f"mix: {DISTURBED}" not in failed:
        assert checks["mix: requests whose start class is wrong"]["measured"] == 0
        if name.endswith("lambda"):
            assert checks["mix: requests with a start class, at least"]["measured"] >= LEAST_REQUESTS
            kinds = {label.split()[-1] for label in checks if label.startswith("mix: start class ")}
            injected = ["failures injected", "wrong answers injected", "hangs past the timeout"]
            injected += ["crashes and memory overruns", *(["units out of memory"] if "docker" in name else [])]
            assert all(checks[f"mix: {label}"]["truth"] > 0 for label in injected), "every fault was really met"
            assert kinds == {"cold", "cold_reinit", "reset", "warm"}, "everything that is hard to tell was there"
    if not some and f"verdicts: {DISTURBED}" not in failed:
        assert checks["verdicts: itself with 20 % planted"]["measured"] == "SLOWER"
    assert bench.leftovers() == []
