"""The serving core as both entry points use it, with the workload that needs no model."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

import targets
from targets.clock import clock_id, now_ns
from targets.serving import marks
from targets.serving.core import Core, cpu_limit, error_body
from targets.serving.failure import LoadFailed
from targets.serving.timeline import Timeline
from targets.workloads.contract import RESERVED_PHASES, Measured


@pytest.fixture
def unit(monkeypatch):
    monkeypatch.setenv("FROSTLINE_UNIT", "0007")
    monkeypatch.setenv("FROSTLINE_WORKLOAD", "echo")
    for name in ("FROSTLINE_MODEL_DIR", "FROSTLINE_GENERATION", "AWS_LAMBDA_INITIALIZATION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def core_of(unit):
    """A core whose model is a function of the test's own."""

    def core(infer, phases=()):
        def load(phase, model_dir, threads):
            for name in phases:
                with phase(name):
                    pass
            return infer

        unit.setattr(targets, "workload", lambda name, settings: SimpleNamespace(load=load))
        return Core(threads=1)

    return core


def context(request_id="2f1c", left_ms=59_750):
    """As a function's runtime hands one over."""
    return SimpleNamespace(aws_request_id=request_id, get_remaining_time_in_millis=lambda: left_ms)


def test_a_mark_is_read_back():
    line = marks.mark("init_end", "0007", 123).encode() + b"\r\n"
    assert marks.parse(line) == ("init_end", 123)


def test_marks_go_over_an_inherited_pipe_which_ends_with_them_and_is_no_childs(unit):
    heard, told = os.pipe()
    os.set_inheritable(told, True)
    unit.setenv(marks.DESCRIPTOR_VARIABLE, str(told))
    channel = marks.Channel()
    assert not os.get_inheritable(told) and marks.DESCRIPTOR_VARIABLE not in os.environ
    channel.tell("init_begin", "0007", 5)
    channel.close()
    channel.close()
    with os.fdopen(heard, "rb") as pipe:
        assert [marks.parse(line) for line in pipe] == [("init_begin", 5)]


def test_a_mark_that_cannot_be_told_ends_the_start(unit, tmp_path):
    unit.setenv(marks.FILE_VARIABLE, str(tmp_path / "nobody made it"))
    with pytest.raises(FileNotFoundError):
        Core(threads=1)


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


def test_the_envelope_carries_its_own_evidence(unit, capsys, tmp_path):
    told = tmp_path / "marks"
    told.touch()
    unit.setenv(marks.FILE_VARIABLE, str(told))
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
    assert list(own) == ["unit", "clock", "invocation", "begun_ns", "init_ended_ns", "init", "ended_ns"]
    assert second["frostline"]["invocation"] == 2
    assert "init" not in second["frostline"]
    json.dumps(first)
    assert capsys.readouterr().out == "", "what a unit prints is its model's"
    found = [marks.parse(line) for line in told.read_bytes().splitlines()]
    assert found == [("init_begin", own["init"]["entered_ns"]), ("init_end", own["init_ended_ns"])]


def test_the_moment_of_the_queue_is_passed_on(unit):
    assert Core(threads=1).begin({"text": "a"}, received_ns=5).whole()["frostline"]["received_ns"] == 5


def test_a_request_that_fails_is_counted_too(unit):
    core = Core(threads=1)
    with pytest.raises(ValueError, match="send"):
        core.answer({})
    assert core.answer({"text": "a"})["frostline"]["invocation"] == 2


def test_the_generation_and_how_it_was_initialised_are_echoed(unit):
    unit.setenv("FROSTLINE_GENERATION", "g-3")
    unit.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    own = Core(threads=1).answer({"text": "a"})["frostline"]
    assert (own["generation"], own["initialization"]) == ("g-3", "snap-start")


def test_a_unit_that_nobody_named_has_its_log_streams_name_or_one_of_its_own(unit):
    unit.delenv("FROSTLINE_UNIT")
    unit.setenv("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/25/[$LATEST]5f")
    assert Core(threads=1).unit == "2026/11/25/[$LATEST]5f"
    unit.delenv("AWS_LAMBDA_LOG_STREAM_NAME")
    drawn = Core(threads=1).unit
    assert len(drawn) == 32 and Core(threads=1).unit == drawn, "one name for the life of the code"


def test_what_a_functions_platform_says_of_an_invocation_is_passed_on(unit):
    unit.setenv("FROSTLINE_TIMEOUT_S", "60")
    core = Core(threads=1)
    first, second = (core.answer({"text": "a"}, context())["frostline"] for _ in range(2))
    assert (first["request_id"], first["spent_ns"]) == ("2f1c", 250_000_000)
    assert second["request_id"] == "2f1c" and "spent_ns" not in second, "only a start is paid for out of the limit"


@pytest.mark.parametrize(
    ("limit", "given", "spent"),
    [
        ("60", context(left_ms=60_000), 0),
        ("60", context(left_ms=60_004), 0),
        ("3", context(left_ms=-20), 3_020_000_000),
    ],
)
def test_time_spent_is_never_negative(unit, limit, given, spent):
    unit.setenv("FROSTLINE_TIMEOUT_S", limit)
    assert Core(threads=1).answer({"text": "a"}, given)["frostline"]["spent_ns"] == spent


@pytest.mark.parametrize(("limit", "given"), [("", context()), ("60", None), ("60", object())])
def test_what_no_platform_says_is_absent(unit, limit, given):
    unit.setenv("FROSTLINE_TIMEOUT_S", limit)
    own = Core(threads=1).answer({"text": "a"}, given)["frostline"]
    assert "spent_ns" not in own and ("request_id" in own) == (limit == "")


def test_what_the_model_measured_is_in_the_envelope(core_of):
    def infer(event):
        return Measured({"label": "png"}, gpu_ns=1250, tokens_out=0)

    reply = core_of(infer).answer({})
    assert reply["answer"] == {"label": "png"}
    own = reply["frostline"]
    assert (own["gpu_ns"], own["tokens_out"]) == (1250, 0)
    assert "tokens_in" not in own, "what was not measured is absent"


@pytest.mark.parametrize("figures", [{"gpu_ns": 1.5}, {"tokens_in": -1}, {"tokens_out": True}, {"gpu_ns": "12"}])
def test_a_figure_that_is_no_count_is_refused_by_name(core_of, figures):
    name, value = next(iter(figures.items()))
    with pytest.raises(ValueError, match=rf"Measured\.{name}: {value!r} is not a whole number from 0"):
        core_of(lambda event: Measured(**figures)).answer({})


def test_a_stream_is_answered_whole_as_the_list_of_its_chunks(core_of):
    def infer(event):
        yield "rime"
        yield {"at": 2}
        return Measured(gpu_ns=7)

    reply = core_of(infer).answer({})
    assert reply["answer"] == ["rime", {"at": 2}]
    assert reply["frostline"]["gpu_ns"] == 7
    assert list(reply)[-1] == "frostline"


def test_a_stream_ends_with_its_last_chunk(core_of):
    seen = []

    def infer(event):
        for number in range(3):
            seen.append(now_ns())
            yield number

    call = core_of(infer).begin({})
    assert call.streams and list(call.chunks()) == [0, 1, 2]
    own = call.evidence()
    assert own["begun_ns"] <= seen[0] <= seen[2] <= own["ended_ns"]


@pytest.mark.parametrize("end", ["more", Measured("more"), 0])
def test_a_stream_that_ends_with_an_answer_is_refused(core_of, end):
    def infer(event):
        yield 1
        return end

    with pytest.raises(TypeError, match="yield it, and return Measured without one"):
        core_of(infer).answer({})


def test_a_workload_names_its_own_phases_in_their_order(core_of):
    reply = core_of(lambda event: event, ["zeta", "vocabulary", "zeta", "warm_up", "x" * 40]).answer({})
    assert list(reply["frostline"]["init"]["phases_ns"]) == ["imports", "zeta", "vocabulary", "warm_up", "x" * 40]


@pytest.mark.parametrize("name", sorted(RESERVED_PHASES))
def test_the_benchs_own_phases_are_refused(core_of, name):
    with pytest.raises(ValueError, match=f"phase '{name}' is told by the bench itself: give yours another name"):
        core_of(lambda event: event, [name])


@pytest.mark.parametrize("name", ["", "Weights", "9th", "warm-up", "_a", "x" * 41, "weights\n", "\u00e9tape"])
def test_what_is_no_name_of_a_phase_is_refused(core_of, name):
    with pytest.raises(ValueError, match="rename it"):
        core_of(lambda event: event, [name])


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


@pytest.mark.parametrize("told", [None, 7], ids=["no-words", "a-number"])
def test_an_error_that_cannot_be_told_is_told_by_its_type_in_a_start_and_in_an_answer(told):
    class Mute(Exception):
        def __str__(self):
            return told

    assert error_body(Mute()) == {"errorMessage": "its message cannot be told: TypeError", "errorType": "Mute"}
    assert str(LoadFailed.of(Mute(), None)) == "Mute: its message cannot be told: TypeError (in load())"


def test_a_model_is_loaded_within_the_first_request_where_that_is_asked_for(core_of, unit):
    unit.setenv("FROSTLINE_LOAD", "first_request")
    core = core_of(lambda request: 7, phases=("weights",))
    core.ready()
    assert core.timeline.phases_ns == {}
    ended_ns, first, second = core.timeline.ended_ns, core.answer({}), core.answer({})
    evidence = first["frostline"]
    assert first["answer"] == second["answer"] == 7
    assert list(evidence["init"]["phases_ns"]) == ["imports", "weights"]
    spent_ns = sum(evidence["init"]["phases_ns"].values())
    assert spent_ns <= evidence["init"]["late_ns"] <= evidence["ended_ns"] - evidence["begun_ns"]
    assert evidence["init_ended_ns"] == ended_ns == core.timeline.ended_ns <= evidence["begun_ns"]
    assert "init" not in second["frostline"]


def test_a_late_load_that_fails_is_told_as_one_and_tried_again(core_of, unit):
    unit.setenv("FROSTLINE_LOAD", "first_request")
    core = core_of(lambda request: 7)

    def broken(phase, model_dir, threads):
        with phase("weights"):
            raise ValueError("cut off: fetch it again")

    working = targets.workload
    unit.setattr(targets, "workload", lambda name, settings: SimpleNamespace(load=broken))
    with pytest.raises(LoadFailed, match=r"cut off: fetch it again \(in load\(\), phase weights\)"):
        core.answer({})
    unit.setattr(targets, "workload", working)
    assert core.answer({})["answer"] == 7
