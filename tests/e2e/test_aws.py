"""AWS by a server that stands in for it: images are pushed, functions and tasks run, and nothing of it is left."""

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import targets
from targets.aws.report import read_log
from targets.aws.tags import RUN
from targets.contract import Order, Sizing
from targets.ownership import Owner
from tests.e2e.bench import Bench, Started, assert_done, summary, until
from tests.e2e.conftest import open_bench
from tests.emulator.server import Emulator, emulator, require_emulator

pytestmark = [pytest.mark.docker]
ACCOUNT = re.compile(r"(?<![\d.])0{12}(?!\d)")
"""The emulator's, and no tail of a small number."""
BOTH = ("aws-lambda", "aws-ecs")
MOMENTS = 10


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory, packages: Any) -> Iterator[Emulator]:
    require_emulator()
    with emulator(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture(scope="module")
def quick(aws: Emulator, tmp_path_factory: pytest.TempPathFactory, engine: Any) -> Iterator[tuple[Bench, Any, str]]:
    """The shipped quickstart as it is, and all that it printed."""
    with open_bench(tmp_path_factory.mktemp("quick"), engine) as bench:
        finished = bench.run("run", "quickstart", "--on", "aws", "--yes", "--results", bench.results, **aws.environment)
        yield bench, assert_done(bench, finished), finished.out


def held(aws: Emulator) -> set[str]:
    """What is there by the emulator's own word: everything that costs, or may."""
    elb, ecs = aws.client("elbv2"), aws.client("ecs")
    clusters = ecs.describe_clusters(clusters=ecs.list_clusters()["clusterArns"])["clusters"]
    groups = aws.client("ec2").describe_security_groups()["SecurityGroups"]
    # Without our tag it is one that the emulator made anew for a line that came late, which no role of ours may.
    groups_there = aws.client("logs").describe_log_groups()["logGroups"]
    logs = [name for name in (each["logGroupName"] for each in groups_there) if is_tagged(aws, name)]
    roles = aws.client("iam").list_roles(PathPrefix="/frostline/")["Roles"]
    return {
        *(f"function {each['FunctionName']}" for each in aws.client("lambda").list_functions()["Functions"]),
        *(f"repository {each['repositoryName']}" for each in aws.client("ecr").describe_repositories()["repositories"]),
        *(f"log {name}" for name in logs),
        *(f"role {each['RoleName']}" for each in roles),
        *(f"balancer {each['LoadBalancerName']}" for each in elb.describe_load_balancers()["LoadBalancers"]),
        *(f"target group {each['TargetGroupName']}" for each in elb.describe_target_groups()["TargetGroups"]),
        *(f"cluster {each['clusterName']}" for each in clusters if each["status"] == "ACTIVE"),
        *(f"security group {each['GroupName']}" for each in groups if "rostline" in each["GroupName"]),
    }


def is_tagged(aws: Emulator, group: str) -> bool:
    return RUN in aws.client("logs").list_tags_log_group(logGroupName=group)["tags"]


def test_quickstart_runs_there_unchanged_and_leaves_nothing(quick: tuple[Bench, Any, str], aws: Emulator):
    bench, folder, out = quick
    rows = summary(bench, folder.manifest.run)["rows"]
    assert {row["target"] for row in rows} == set(BOTH)
    for row in rows:
        assert row["ok"] == row["scheduled"] > 0, row
    assert "Nothing is really billed: it is emulated" in out and "nothing of run" in out
    assert "emulated: it stands in for a cloud service" in out
    assert held(aws) == set()
    until(lambda: aws.containers() == [], "the emulator has ended what it ran")


def test_what_is_kept_of_it_names_no_account_and_no_key(quick: tuple[Bench, Any, str]):
    _, folder, out = quick
    for path in (path for path in folder.path.rglob("*") if path.is_file() and path.suffix != ".parquet"):
        text = path.read_text()
        assert "arn:aws" not in text and not ACCOUNT.search(text) and '"test"' not in text, path
    assert "arn:aws" not in out and not ACCOUNT.search(out)


def test_its_own_bill_is_told_beside_the_month(quick: tuple[Bench, Any, str], aws: Emulator):
    bench, folder, _ = quick
    metered = folder.read_metered()
    assert {line.target for line in metered.lines} == set(BOTH)
    assert 0 < metered.spent_usd <= metered.budget_usd
    told = json.loads(bench.run("cost", folder.manifest.run, "--format", "json", "--results", bench.results).out)
    assert told["metered"]["lines"] and set(told["metered"]["emulated"].values()) == {True}


KNOWN = {"name": "known-truth", "settings": {"handler_ms": 40, "seed": 3}}


@pytest.mark.lasting
def test_start_classes_are_those_of_the_containers_that_were_started(aws: Emulator, bench: Bench):
    """Truth is the engine's word: each container of the emulator's is one start, met by the first that it answers."""
    experiment = bench.experiment(
        name="starts",
        workloads=[KNOWN],
        targets=["aws-lambda"],
        profiles=[{"steady": {"rate": 12, "seconds": 5}}],
        cold_starts=3,
        begin="empty",
    )
    run = bench.start("run", experiment, "--yes", "--results", bench.results, **aws.environment)
    started = units_until_end(run, aws)
    folder = assert_done(bench, run.finish())
    classes: dict[str, list[str]] = {}
    for record in folder.trials():
        rows = folder.requests(record).to_pandas()
        assert rows["start_class"].notna().all()
        for row in rows.sort_values("invocation").itertuples():
            classes.setdefault(str(row.unit), []).append(str(row.start_class))
    assert set(classes) <= started and len(classes) > 3
    assert all(kinds == ["cold"] + ["warm"] * (len(kinds) - 1) for kinds in classes.values()), classes


def units_until_end(run: Started, aws: Emulator) -> set[str]:
    """The units that the engine ran for the emulator until a command ended, by the name that each was given."""
    names: dict[str, str] = {}
    while run.process.poll() is None:
        for container in aws.containers():
            variables = dict(entry.split("=", 1) for entry in container.attrs["Config"]["Env"])
            names.setdefault(container.id, variables.get("AWS_LAMBDA_LOG_STREAM_NAME", ""))
        time.sleep(0.05)
    return set(names.values())


@pytest.mark.lasting
def test_a_budget_that_is_spent_ends_the_run_and_everything_of_it(aws: Emulator, bench: Bench):
    """Requests last forty times as long as the objective lets the plan expect."""
    experiment = bench.experiment(
        name="spent",
        workloads=[{"name": "known-truth", "settings": {"handler_ms": 4000}}],
        targets=["aws-lambda"],
        profiles=[{"constant": {"rate": 2, "seconds": 60}}],
        objective={"latency_ms": 100},
    )
    asked = ("run", experiment, "--yes", "--results", bench.results)
    refused = bench.run(*asked, "--budget-usd", "0.0001", **aws.environment)
    assert refused.code == 2 and "budget_usd: 0.0001 is less than the plan is expected to cost" in refused.err
    assert held(aws) == set() and bench.folders() == []
    finished = bench.run(*asked, "--budget-usd", "0.001", **aws.environment)
    assert finished.code == 1 and "budget_usd: 0.001 is spent" in finished.err, finished.out + finished.err
    assert held(aws) == set() and "nothing of run" in finished.out
    (folder,) = bench.folders()
    assert folder.manifest.finished_at is None and folder.read_metered().spent_usd >= 0.001


REQUESTS = 200


@pytest.mark.lasting
def test_own_metering_is_what_the_log_says_was_billed(aws: Emulator, monkeypatch: pytest.MonkeyPatch):
    """Every request has a known duration; what the log tells of them is added up here once more, and apart."""
    for name, text in aws.environment.items():
        monkeypatch.setenv(name, text)
    target, workload = targets.target("aws-lambda"), targets.workload("known-truth", KNOWN["settings"])
    package = target.package(workload, None, print)
    settings = {"FROSTLINE_SETTINGS": json.dumps({"handler_ms": 5, "handler_sigma": 0.8, "seed": 3})}
    deployment = target.deploy(package, Order("metering", Sizing.of_function(1769), environment=settings))
    try:
        bodies = [payload.body for payload in workload.payloads()]
        client = aws.client("lambda")
        for index in range(REQUESTS):
            answer = client.invoke(FunctionName=deployment.name, LogType="Tail", Payload=bodies[index % len(bodies)])
            deployment.hear("", answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-log-result"].encode())
        deployment.settle(30)
        reports = {report.request_id: report for line in logged(aws, deployment.name) for report in read_log([line])}
        billed_ms = sum(report.billed_ms for report in reports.values())
        consumed = {(line.sku, line.source): line.quantity for line in deployment.consumed()}
        assert len(reports) >= REQUESTS and billed_ms > 5 * len(reports) / 2
        assert consumed["lambda.x86.gb-second", "witnessed"] == pytest.approx(billed_ms / 1000 * 1769 / 1024, rel=1e-12)
        assert consumed["lambda.request", "witnessed"] == len(reports)
    finally:
        deployment.destroy()
        platform = targets.platform("aws")
        for remnant in platform.remnants("metering"):
            platform.remove(remnant)
    assert list(platform.remnants("metering")) == []


def logged(aws: Emulator, function: str) -> list[str]:
    pages = aws.client("logs").get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}")
    return [line for page in pages for event in page["events"] for line in event["message"].splitlines()]


@pytest.mark.lasting
def test_what_a_killed_run_left_is_swept_and_nothing_else(aws: Emulator, bench: Bench):
    """Killed at moments all over a run, beside what is a live run's, and what is nobody's and is called as ours is."""
    experiment = bench.experiment(
        name="killed",
        workloads=["echo"],
        targets=list(BOTH),
        profiles=[{"constant": {"rate": 5, "seconds": 3}}],
        cold_starts=1,
    )
    ecr = aws.client("ecr")
    ecr.create_repository(repositoryName="frostline-of-somebody-else")
    mine = [{"Key": "frostline:run", "Value": "alive"}, {"Key": "frostline:owner", "Value": str(Owner.current())}]
    ecr.create_repository(repositoryName="frostline-of-a-live-run", tags=mine)
    spared = {"repository frostline-of-somebody-else", "repository frostline-of-a-live-run"}
    seen: set[str] = set()
    try:
        whole_s = lasting(aws, bench, experiment)
        for moment in range(MOMENTS):
            run = bench.start("run", experiment, "--yes", "--results", bench.results, **aws.environment)
            until(lambda: "Budget:" in run.said or run.process.poll() is not None, "the run may begin")  # noqa: B023
            time.sleep(whole_s * moment / MOMENTS)
            run.signal(signal.SIGKILL)
            run.finish()
            seen |= held(aws) - spared
            dry = bench.run("clean", "--on", "aws", "--dry-run", **aws.environment)
            assert dry.code == 0 and "nothing was removed" in dry.out, dry.err
            cleaned = bench.run("clean", "--on", "aws", **aws.environment)
            assert cleaned.code == 0, cleaned.out + cleaned.err
            assert held(aws) == spared, cleaned.out
            assert "left alone, its run is going on: remnant aws repository frostline-of-a-live-run" in cleaned.out
        again = bench.run("clean", "--on", "aws", **aws.environment)
        assert "0 removed" in again.out
        for number in (signal.SIGINT, signal.SIGTERM):
            run = bench.start("run", experiment, "--yes", "--results", bench.results, **aws.environment)
            until(lambda: "[1/" in run.said, "a trial has ended")  # noqa: B023
            run.signal(number)
            finished = run.finish()
            assert finished.code == 130 and "nothing of run" in finished.out, finished.out + finished.err
            assert held(aws) == spared
        assert {kind.partition(" ")[0] for kind in seen} >= {"function", "cluster", "balancer", "repository", "role"}
    finally:
        for name in spared:
            ecr.delete_repository(repositoryName=name.removeprefix("repository "), force=True)
        bench.run("clean")
    until(lambda: aws.containers() == [], "the emulator has ended what it ran")


def lasting(aws: Emulator, bench: Bench, experiment: Path) -> float:
    """How long the run is at it after it was asked for, where nothing disturbs it."""
    run = bench.start("run", experiment, "--yes", "--results", bench.results, **aws.environment)
    until(lambda: "Budget:" in run.said, "the run may begin")
    begun = time.monotonic()
    assert_done(bench, run.finish())
    return time.monotonic() - begun
