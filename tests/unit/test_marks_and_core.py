"""The serving core as both entry points use it, with the workload that needs no model."""

import json
from pathlib import Path

import pytest

import targets
from targets.clock import clock_id, now_ns
from targets.serving import marks
from targets.serving.core import Core, cpu_limit, error_body
from targets.serving.timeline import Timeline


@pytest.fixture
def unit(monkeypatch):
    monkeypatch.setenv("FROSTLINE_UNIT", "0007")
    monkeypatch.setenv("FROSTLINE_WORKLOAD", "echo")
    monkeypatch.delenv("FROSTLINE_MODEL_DIR", raising=False)
    return monkeypatch


def test_a_mark_is_read_back():
    line = marks.mark("init_end", "0007", 123).encode() + b"\r\n"
    assert marks.parse(line) == ("init_end", 123)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello\n",
        b"frostline.mark\n",
        b'{"frostline.mark": "init_end"}\n',
        b'{"frostline.mark": "init_end", "at_ns": "soon"}\n',
        b'{"frostline.mark": "init_end", "at_ns": null}\n',
        b'["frostline.mark"]\n',
        b'{"frostline.mark": "removed", "at_ns": 1}\n',
        b'{"frostline.mark": "init_end", "at_ns": 1',
        b'\xff"frostline.mark"\n',
    ],
)
def test_what_a_function_prints_is_no_mark(line):
    assert marks.parse(line) is None


def test_the_envelope_carries_its_own_evidence(unit, capsys):
    before = now_ns()
    core = Core(threads=1)
    core.ready()
    first, second = core.answer({"text": "frost"}), core.answer({"text": "rime"})
    assert first["answer"] == {"text": "frost"}
    assert set(first) == {"answer", "frostline"}
    own = first["frostline"]
    assert (own["unit"], own["clock"], own["invocation"]) == ("0007", clock_id(), 1)
    assert before <= own["init_ended_ns"] <= own["begun_ns"] <= own["ended_ns"] <= now_ns()
    assert own["init"]["entered_ns"] <= own["init_ended_ns"]
    assert set(own["init"]["phases_ns"]) == {"imports"}
    assert "received_ns" not in own
    assert second["frostline"]["invocation"] == 2
    assert "init" not in second["frostline"]
    json.dumps(first)
    found = [marks.parse(line) for line in capsys.readouterr().out.encode().splitlines()]
    assert found == [("init_begin", own["init"]["entered_ns"]), ("init_end", own["init_ended_ns"])]


def test_the_moment_of_the_queue_is_passed_on(unit):
    assert Core(threads=1).answer({"text": "a"}, received_ns=5)["frostline"]["received_ns"] == 5


def test_a_request_that_fails_is_counted_too(unit):
    core = Core(threads=1)
    with pytest.raises(ValueError, match="send"):
        core.answer({})
    assert core.answer({"text": "a"})["frostline"]["invocation"] == 2


@pytest.mark.parametrize(("given", "expected"), [("", None), ("/a/model", Path("/a/model"))])
def test_an_empty_model_directory_is_none(unit, given, expected):
    seen = []

    class Model:
        def load(self, phase, model_dir, threads):
            seen.append((model_dir, threads))
            with phase("weights"), pytest.raises(ZeroDivisionError):
                1 / 0  # noqa: B018
            return lambda event: event

    unit.setenv("FROSTLINE_MODEL_DIR", given)
    unit.setattr(targets, "workload", lambda name, settings: {"echo": Model()}[name])
    core = Core(threads=3)
    assert seen == [(expected, 3)]
    assert set(core.answer({})["frostline"]["init"]["phases_ns"]) == {"imports", "weights"}


def test_a_phase_that_fails_or_comes_twice_is_still_stamped():
    timeline = Timeline()
    with pytest.raises(KeyError), timeline.phase("weights"):
        raise KeyError("w")
    once = timeline.phases_ns["weights"]
    with timeline.phase("weights"):
        pass
    assert timeline.phases_ns["weights"] >= once > 0


@pytest.mark.parametrize(("cpus", "whole"), [("0.25", 1), ("1.0", 1), ("1.9", 1), ("2.0", 2), ("6", 6)])
def test_whole_cpus(monkeypatch, cpus, whole):
    monkeypatch.setenv("FROSTLINE_CPUS", cpus)
    assert cpu_limit() == whole


def test_errors_have_lambdas_form():
    assert error_body(ValueError("x" * 5000)) == {"errorMessage": "x" * 2000, "errorType": "ValueError"}
