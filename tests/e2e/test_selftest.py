"""The self-test's counts on every local target: each request's class, each commanded fault, each started unit.

Its times are judged by `frostline selftest` itself, which needs a quiet machine and is no part of the gate.
"""

import json

import pytest

from tests.e2e.bench import WIDE, Bench

COUNTS = WIDE + "import sys; from tests.e2e.counts import main; sys.exit(main())"
NAMES = [
    "process-service",
    "process-lambda",
    pytest.param("docker-service", marks=pytest.mark.docker),
    pytest.param("docker-lambda", marks=pytest.mark.docker),
]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_counted_is_what_is_true(bench: Bench, name: str):
    """Slow on functions: one start is waited out until the platform begins it again (6 s)."""
    finished = bench.start(name, bench.results, code=COUNTS).finish()
    assert finished.out, finished.err
    printed = json.loads(finished.out)
    assert printed["schema"] == "frostline/selftest/1" and printed["unjudged"] == []
    checks = {check["name"].removeprefix("counts: "): check for check in printed["checks"]}
    assert all(set(check) == {"name", "target", "truth", "measured", "ok"} for check in printed["checks"])
    assert [check for check in checks.values() if not check["ok"]] == [] and finished.code == 0, finished.err
    assert checks["requests whose start class is wrong"]["measured"] == 0
    kinds = {label.split()[-1] for label in checks if label.startswith("start class ")}
    met = ["failures injected", "wrong answers injected"]
    if name.endswith("lambda"):
        met += ["crashes and memory overruns", "units started for requests"]
        met += ["units out of memory"] if name.startswith("docker") else []
        assert kinds == {"cold", "cold_reinit", "reset", "warm"}, "everything that is hard to tell was there"
    else:
        assert kinds == {"proactive", "warm"}
    assert all(checks[label]["truth"] > 0 for label in met), "every fault was really met"
    assert bench.leftovers() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--target", "nowhere"), "is not one of: aws-ecs, aws-lambda"),
        (("--target", "process-lambda", "--scenario", "hang"), "'hang' is not one of"),
    ],
)
def test_what_it_does_not_know_is_refused(bench: Bench, arguments: tuple[str, ...], words: str):
    refused = bench.run("selftest", *arguments, "--results", bench.results)
    assert refused.code == 2 and words in refused.err and not bench.results.exists()
