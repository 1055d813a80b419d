"""`frostline new`: a workload that keeps its contract as it is written, and the names that are refused."""

import json

import pytest

import targets
from harness.commands.new.pins import pin_lines
from harness.commands.new.workload import write_workload
from harness.errors import UsageError
from targets.serving.timeline import Timeline
from tests.fakes.plugged import plugged_in


def test_the_written_workload_loads_answers_and_catches_a_wrong_answer(tmp_path):
    place = write_workload("my-model", tmp_path / "mine")
    assert place == tmp_path / "mine" / "targets" / "workloads" / "my_model.py"
    with plugged_in(tmp_path / "mine"):
        model = targets.workload("my-model")
        timeline = Timeline()
        infer = model.load(timeline.phase, None, 1)
        answers = [infer(json.loads(payload.body)) for payload in model.payloads()]
        assert list(timeline.phases_ns) == ["imports", "weights"]
        for payload, answer in zip(model.payloads(), answers, strict=True):
            assert model.check(payload, answer, False) is None
        assert "is not english" in model.check(model.payloads()[0], answers[1], False)
        assert model.check(model.payloads()[0], None, False)
        with pytest.raises(ValueError, match="send"):
            infer({})


def test_what_is_there_is_never_overwritten(tmp_path):
    place = write_workload("mine-too", tmp_path)
    place.write_text("precious")
    with pytest.raises(UsageError, match="is there already"):
        write_workload("mine-too", tmp_path)
    assert place.read_text() == "precious"


@pytest.mark.parametrize("name", ["", "-x", "My-Model", "../x", "a/b", "9x", "x" * 3 + ".py"])
def test_a_name_that_nothing_could_import_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="is not accepted"):
        write_workload(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_taken_and_a_folder_that_adds_to_nothing_are_refused(tmp_path):
    with pytest.raises(UsageError, match="there is a workload echo already"):
        write_workload("echo", tmp_path)
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "__init__.py").touch()
    with pytest.raises(UsageError, match="has an __init__"):
        write_workload("fine", tmp_path)


@pytest.mark.parametrize("package", ["--index-url=x", "-r/etc/passwd", "git+ssh://x", "a @ file:///x", "", "a;b"])
def test_what_is_no_package_never_reaches_pip(package):
    with pytest.raises(UsageError, match="is not accepted"):
        list(pin_lines([package], False, ""))
