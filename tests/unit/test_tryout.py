"""`frostline try`: what is refused, what a first experiment asks for and why, and what is said of what went wrong."""

from dataclasses import replace

import pytest
import scipy.stats

from harness.commands.tryout.first import BUSY, MEET, First, experiment_text
from harness.commands.tryout.order import TryOrder, read_settings
from harness.commands.tryout.screen import lines_of, wrong
from harness.commands.tryout.start import Start
from harness.commands.tryout.trying import Request, Tried
from harness.errors import UsageError
from harness.experiment.question import parse_experiment
from harness.files.strict_yaml import read_mapping
from harness.measure.visit import Visit
from harness.record.nouns import UnitRecord
from targets.contract import Package

MB = 2**20
ROW = {"bytes_in": 17, "reply_bytes": 300, "first_chunk_ns": None, "gpu_ns": None, "start_class": "warm"}
ROW |= {"sent_ns": 0, "chunks": None, "tokens_in": None, "tokens_out": None}


def request(payload="word", took_ms=10.0, outcome="ok", error=None, answer=None):
    return Request(payload, took_ms, {**ROW, "payload": payload, "outcome": outcome, "error": error}, answer)


def unit(peak_mb, oom_killed=False):
    return UnitRecord(
        unit="0001",
        for_request=True,
        lived_ns=1,
        memory_peak_bytes=int(peak_mb * MB),
        own_peak_bytes=None,
        memory_mean_bytes=None,
        cpu_ns=None,
        throttled_ns=None,
        oom_killed=oom_killed,
    )


@pytest.fixture
def tried():
    experiment, trial = TryOrder("echo", "process-service").trial()
    visit = Visit(experiment, trial, Package("echo", "nowhere"), "try-1")
    names = [payload.name for payload in visit.workload.payloads()]
    requests = [request(name, took) for took in (500.0, 20.0) for name in names]
    return Tried(visit, requests=requests, start=Start({"boot": 5.0, "unaccounted": 1.0}, 6.0), units=[unit(100)])


@pytest.mark.parametrize(
    ("order", "says"),
    [
        (TryOrder("nothing", "process-service"), "workloads: 'nothing' is not one of"),
        (TryOrder("echo", "nowhere"), "targets: 'nowhere' is not one of"),
        (TryOrder("echo", "process-lambda", cpus=2), "--cpus: a function's vCPU follows its memory"),
        (TryOrder("echo", "process-lambda", memory_mb=1), "function_memory_mb: 1 is not accepted"),
        (TryOrder("echo", "process-service", settings=["speed=1"]), "workload echo has no settings"),
    ],
)
def test_what_cannot_be_tried_is_refused_in_an_experiments_words(order, says):
    with pytest.raises(UsageError) as refused:
        order.trial()
    assert any(says in line for line in refused.value.problems), refused.value.problems


def test_settings_are_read_as_yaml_has_them_and_all_that_are_none_are_told():
    assert read_settings(["a=1", "b=word", "c=[1, 2]", "d=1.5"]) == {"a": 1, "b": "word", "c": [1, 2], "d": 1.5}
    with pytest.raises(UsageError) as refused:
        read_settings(["a", "=1", "b=[", "c=1", "c=2"])
    assert len(refused.value.problems) == 4


def test_rate_length_and_sizes_follow_from_what_was_seen(tried):
    first = replace(First.of(tried), host_cpus=16)
    assert first.warm_ms == 20.0, "the first requests do not count"
    assert first.rate == 20.0  # 0.4 / 0.020 s
    assert first.seconds == 10  # 36 requests would take 1.8 s
    assert replace(first, warm_ms=2000).seconds == 180  # 36 / 0.2
    assert first.sizing() == {"function_memory_mb": 1769, "service_memory_mb": 2048, "service_cpus": 1}
    large = replace(first, peak_mb=9000)
    assert large.sizing() == {"function_memory_mb": 10_240, "service_memory_mb": 12_288, "service_cpus": 2}
    assert any("cannot have" in line for line in large.formulas())
    assert any("nobody saw" in line for line in replace(first, peak_mb=None).formulas())


def test_a_small_host_is_asked_evenly(tried):
    crowded = [float(scipy.stats.poisson.sf(cpus - 1, BUSY)) for cpus in (MEET, MEET - 1)]  # as many others, or more
    assert crowded == pytest.approx([1 / 1288, 1 / 126], rel=0.01), "a row's limit is 1 in 100"
    large = replace(First.of(tried), host_cpus=4)
    small = replace(large, host_cpus=2)
    assert (large.profile, small.profile, large.rate, small.rate) == ("steady", "constant", 20.0, 20.0)
    assert "evenly spaced" in next(small.formulas()) and "evenly spaced" not in next(large.formulas())
    uneven = replace(small, slowest_ms=200.0)
    assert uneven.rate == 3.8, "1 / (1.3 x 0.2 s), so that no function needs a second sandbox"
    assert replace(large, slowest_ms=200.0).rate == 20.0
    assert replace(large, peak_mb=2000).profile == "constant", "the larger function has more than one vCPU"


def test_the_first_experiment_is_one(tried, tmp_path):
    text = experiment_text(tried, First.of(tried), {"name": "echo"}, "first")
    (tmp_path / "first.yaml").write_text(text)
    experiment = parse_experiment(read_mapping(tmp_path / "first.yaml"), "first.yaml")
    assert experiment.name == "first", "reports name its file by it"
    assert experiment.objective is None and experiment.expected is None, "nobody has stated them"
    stated = "".join(line.removeprefix("# ") for line in text.splitlines(keepends=True))
    (tmp_path / "first.yaml").write_text(stated)
    whole = parse_experiment(read_mapping(tmp_path / "first.yaml"), "first.yaml")
    assert whole.objective and whole.expected, "as comments they are right already"
    assert [choice.name for choice in experiment.workloads] == ["echo"]
    assert set(experiment.targets) == {"docker-service", "docker-lambda"}


def test_nothing_is_offered_where_no_second_request_was_answered_well(tried):
    bad = [request(one.payload, outcome="failed", error="x") for one in tried.requests]
    assert First.of(replace(tried, requests=bad)) is None


def test_what_went_well_says_so_and_nothing_is_wrong(tried):
    lines = "\n".join(lines_of(tried))
    assert "loaded after 6.00 ms: boot 5.00" in lines
    assert "12 of 12 answers right" in lines
    assert "memory: at most 100 MB; no limit" in lines
    assert wrong(tried) == []


def test_reasons_that_differ_in_ids_alone_are_one_and_the_fix_comes_last(tried):
    ids = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002")
    bad = [request("word", outcome="failed", error=f"RequestId: {number} killed\x1b[31m") for number in ids]
    lines = wrong(replace(tried, requests=bad))
    assert lines[0].startswith("NOT RIGHT: 2 requests (word): RequestId: 0000")
    assert lines[-1].startswith("fix: correct ") and "echo.py" in lines[-1]
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize(
    ("changes", "says", "fix"),
    [
        ({"failure": "OSError: gone (in load(), phase weights)", "requests": []}, "OSError: gone", "correct load() in"),
        ({"units": [unit(2040, oom_killed=True)]}, "out of memory at 2,048 MB, peak 2,040 MB", "--memory-mb 4096"),
        ({"requests": [request(outcome="wrong", error="wrong answer: no")]}, "wrong answer: no", "infer() or check()"),
        ({"requests": [request(outcome="timed_out")]}, "timed_out", "--timeout-s"),
        ({"stopped": "3 of 4 requests were not sent"}, "3 of 4", "smaller payloads"),
    ],
)
def test_each_kind_of_failure_names_its_fix(tried, changes, says, fix):
    lines = wrong(replace(tried, **changes))
    assert says in lines[0] and fix in lines[-1], lines
