"""Whatever is wrong with a model, the first line says what: in the same words for a service and for a function."""

import re
from collections.abc import Iterator

import pytest

from harness.record.folder import RunFolder
from harness.record.nouns import TrialRecord
from targets.local.processes import CODE
from tests.e2e.bench import Bench, Finished, summary
from tests.e2e.conftest import open_bench
from tests.fakes.plug_ins import python_path

WORKLOAD = '''
import json
from targets.workloads.contract import Payload


class Faulty:
    """Fails as a person's first model does."""

    name = "{name}"
    summary = "fails"
    requirements = models = model_files = ()

    def load(self, phase, model_dir, threads):
        {load}
        def infer(event):
            {infer}
        return infer

    def payloads(self):
        return [Payload("one", json.dumps({{"n": 1}}).encode()), Payload("two", json.dumps({{"n": 2}}).encode())]

    def check(self, payload, answer, own_model):
        {check}


WORKLOAD = Faulty()
'''
LOAD = {
    "import": (
        "with phase('imports'):\n            import cv2_of_nobody",
        "ModuleNotFoundError: No module named 'cv2_of_nobody' (in load(), phase imports)",
    ),
    "weights": (
        "with phase('weights'):\n            open('/nowhere/w.bin')",
        "FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/w.bin' (in load(), phase weights)",
    ),
    "memory": ("raise MemoryError", "MemoryError (in load())"),
    "exit": ("import sys; sys.exit(3)", "SystemExit: 3 (in load())"),
    "interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt (in load())"),
    "lines": ("raise ValueError('one\\ntwo')", "ValueError: one two (in load())"),
}
GONE = {
    "os-exit": ("import os; os._exit(3)", "exit status 3"),
    "segfault": ("import ctypes; ctypes.string_at(0)", "killed by SIGSEGV"),
}
INFER = {
    "raises": ("raise ValueError('no such label')", "ValueError: no such label"),
    "set": ("return {1, 2}", "TypeError: Object of type set is not JSON serializable"),
    "bytes": ("return b'x'", "TypeError: Object of type bytes is not JSON serializable"),
}
CHECK = {
    "wrong": ("return 'no cat'", "wrong answer: no cat"),
    "check-raises": ("return answer['label']", "check raised TypeError: 'int' object is not subscriptable"),
}
TARGETS = ("process-service", "process-lambda")


def sources() -> dict[str, str]:
    """A workload's text for each fault, and one that is wrong at one payload of two after printing megabytes."""
    good = {"load": "pass", "infer": "return event['n']", "check": "return None"}
    texts = {}
    for part, faults in (("load", LOAD | GONE), ("infer", INFER), ("check", CHECK)):
        texts |= {fault: good | {part: code} for fault, (code, _) in faults.items()}
    texts["partly"] = good | {
        "load": "print('x' * 3_000_000)",
        "check": "return 'no' if payload.name == 'two' else None",
    }
    return {fault: WORKLOAD.format(name=f"faulty-{fault}", **parts) for fault, parts in texts.items()}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, packages: object) -> Iterator[tuple[Bench, Finished, RunFolder]]:
    place = tmp_path_factory.mktemp("plug-ins") / "targets" / "workloads"
    place.mkdir(parents=True)
    for fault, text in sources().items():
        (place / f"faulty_{fault.replace('-', '_')}.py").write_text(text)
    with open_bench(tmp_path_factory.mktemp("run"), None) as bench:
        experiment = bench.experiment(
            workloads=[f"faulty-{fault}" for fault in sources()],
            targets=list(TARGETS),
            profiles=[{"constant": {"rate": 4, "seconds": 1}}],
            cold_starts=0,
        )
        finished = bench.measure(experiment, PYTHONPATH=python_path(place.parents[1], CODE))
        assert bench.folders(), finished.out + finished.err
        yield bench, finished, bench.folders()[-1]


def record_of(folder: RunFolder, fault: str, target: str) -> TrialRecord:
    (record,) = [r for r in folder.trials() if (r.workload, r.target) == (f"faulty-{fault}", target)]
    return record


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("fault", [*LOAD, *INFER, *CHECK])
def test_the_commonest_reason_is_the_models_own(measured, fault: str, target: str) -> None:
    _, expected = (LOAD | INFER | CHECK)[fault]
    reason = record_of(measured[2], fault, target).reasons[0]
    assert (reason.reason, reason.count) == (expected, 4)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("fault", GONE)
def test_a_model_that_ends_its_unit_is_told_by_how_it_ended(measured, fault: str, target: str) -> None:
    assert GONE[fault][1] in record_of(measured[2], fault, target).reasons[0].reason


@pytest.mark.parametrize("target", TARGETS)
def test_wrong_answers_to_some_payloads_are_told_beside_the_right_ones(measured, target: str) -> None:
    record = record_of(measured[2], "partly", target)
    assert [str(reason) for reason in record.reasons] == ["2 x wrong answer: no"] and record.counts["ok"] == 2


def test_the_run_says_each_on_screen_and_ends_with_1(measured) -> None:
    bench, finished, folder = measured
    assert finished.code == 1
    for fault, (_, words) in (LOAD | INFER | CHECK).items():
        trials = finished.out.count(f"    4 x {words}\n")
        assert trials == len(TARGETS), fault
    problems = summary(bench, folder.manifest.run)["problems"]
    assert len([text for text in problems if "no good answer to any of 4 requests: 4 x" in text]) == 2 * (
        len(sources()) - 1
    )


def test_a_traceback_stands_there_once_and_on_lines_of_its_own(measured) -> None:
    _, finished, _ = measured
    told = [line for line in finished.out.splitlines() if "raise ValueError(" not in line]  # its own line of code
    assert not any("\\n" in line for line in told)
    for block in re.split(r"\n\[", finished.out):
        assert block.count("Traceback (most recent call last)") <= 2  # with that of its cause
