"""A user's model is tried at the door: whatever it does there, one line says so, and nothing of it is left."""

import sys

import psutil
import pytest

import targets
from harness.commands.lambda_up import LambdaOrder
from harness.experiment import payloads
from targets.contract import Package
from targets.local import own_model, processes
from targets.local.own_model import model_problems
from targets.packaging.code_folder import build_code
from tests.fakes.plugged import plugged_in

PICKY = '''
"""Does what the file `does` of its model says."""
import json, os, signal, subprocess, sys
from targets.workloads.contract import Payload

class Picky:
    name = "picky"
    summary = "does as it is told"
    requirements, models, model_files = (), (), ("does",)

    def load(self, phase, model_dir, threads):
        code = (model_dir / "does").read_text()
        names = {"infer": lambda request: {"word": request["word"]}}
        with phase("weights"):
            exec(code, {"pid": lambda pid: (model_dir / "pid").write_text(str(pid)), **globals()}, names)
        return names["infer"]

    def payloads(self):
        wide = json.dumps({"word": "frost"}).encode("utf-16")
        return [Payload("wide", wide), Payload("rime", b'{"word": "rime and more of it"}')]

    def check(self, payload, answer, own_model):
        if answer["word"] == "leaves":
            sys.exit(3)
        return None if json.loads(payload.body)["word"] == answer["word"] else "it is another word"

WORKLOAD = Picky()
'''
CHILD = "subprocess.Popen(['sleep', '50'], start_new_session={session}, env={env}).pid"
FORK = "\nif (child := os.fork()) == 0:\n    signal.pause()\npid(child)"


def packaged(workload, model_dir, say):
    """As processes.package does it, but for packages, of which the workload has none."""
    return Package(workload.name, str(model_dir.parent / "site"), {}, model_dir, str(build_code(workload)))


@pytest.fixture
def tried(tmp_path, monkeypatch):
    """Tries the model that does this; returns what is told of it, without the folder's name, and a pid that it left."""
    place = tmp_path / "mine/targets/workloads/picky.py"
    place.parent.mkdir(parents=True)
    place.write_text(PICKY)
    monkeypatch.syspath_prepend(str(tmp_path / "mine"))
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(own_model, "LIMIT_S", 20)
    monkeypatch.setattr(own_model, "_PASSED", set())
    monkeypatch.setattr(processes, "package", packaged)
    seen = []

    def attempt(code):
        folder = tmp_path / "model"
        folder.mkdir()
        (folder / "does").write_text(code)
        problems = model_problems(targets.workload("picky"), folder, {}, lambda line: None)
        pid = folder / "pid"
        left = int(pid.read_text()) if pid.exists() else None
        seen.extend([left] if left else [])
        return [line.removeprefix(f"model directory {folder}: ") for line in problems], left

    with plugged_in(tmp_path / "mine"):
        yield attempt
    for pid in seen:
        if is_alive(pid):
            psutil.Process(pid).kill()
    sys.modules.pop("targets.workloads.picky", None)
    vars(targets.workloads).pop("picky", None)


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_payload_is_whatever_bytes_of_json_a_unit_can_read(tried):
    assert tried("") == ([], None)


@pytest.mark.parametrize(
    "code",
    [
        f"pid({CHILD.format(session=False, env=None)})",
        f"pid({CHILD.format(session=True, env={})})",
        FORK,
        f"{FORK}\nos.close(0); os.close(1)",
    ],
    ids=["child", "session without environment", "fork", "closed streams"],
)
@pytest.mark.parametrize("ends", ["", "\nos._exit(0)"], ids=["loads", "ends"])
def test_what_a_model_starts_neither_holds_up_the_door_nor_outlives_it(tried, code, ends):
    problems, left = tried(code + ends)
    said = "the process that tried it ended: exit status 0: it printed nothing"
    assert problems == ([said] if ends else [])
    assert left and not is_alive(left)


QUITS = {
    "load exits": ("sys.exit(0)", "picky cannot load it: SystemExit: 0 (in load(), phase weights): correct the files"),
    "load fails": (
        "1 / 0",
        "picky cannot load it: ZeroDivisionError: division by zero (in load(), phase weights): corr",
    ),
    "load refuses": (
        "raise ValueError('do this')",
        "picky cannot load it: ValueError: do this (in load(), phase weights)",
    ),
    "no words": (
        "raise KeyboardInterrupt",
        "picky cannot load it: KeyboardInterrupt (in load(), phase weights): correct",
    ),
    "infer exits": ("infer = lambda request: sys.exit('no')", "it cannot answer payload 'wide': SystemExit: no"),
    "no json": (
        "infer = lambda request: {1, 2}",
        "it cannot answer payload 'wide': TypeError: Object of type set is not",
    ),
    "check raises": (
        "infer = lambda request: {}",
        "whether its answer to payload 'wide' is right is unknown: check raised KeyError: 'word': correct it, or take",
    ),
    "check exits": ("infer = lambda request: {'word': 'leaves'}", "is unknown: check raised SystemExit: 3: correct it"),
    "another": ("infer = lambda request: {'word': ''}", "is none of picky: it is another word: take another model"),
    "aborts": ("print('so far', flush=True); os.abort()", "the process that tried it ended: killed by SIGABRT: so far"),
    "says": ("print('bad\\nrow', file=sys.stderr); os._exit(4)", "the process that tried it ended: exit status 4: row"),
    "killed": (
        "os.kill(os.getpid(), 9)",
        "the process that tried it ended: killed by SIGKILL, as when memory runs out: it printed nothing",
    ),
    "hangs up": (
        "os.closerange(3, 256)",
        "the process that tried it ended: exit status 1: OSError: [Errno 9] Bad file descriptor",
    ),
    "hangs up and stays": (
        "import time; os.closerange(3, 256); time.sleep(50)",
        "the process that tried it hung up and did not end within 1 s: it printed nothing",
    ),
}


@pytest.mark.parametrize("case", QUITS)
def test_whatever_a_model_does_is_one_line(tried, case):
    code, says = QUITS[case]
    (line,), _ = tried(code)
    assert says in line and "\n" not in line, line


def test_a_model_that_takes_too_long_is_ended(tried, monkeypatch):
    monkeypatch.setattr(own_model, "LIMIT_S", 1)
    problems, left = tried("pid(os.getpid())\nimport time\ntime.sleep(60)")
    assert problems == ["it did not load and answer twice within 1 s on this machine: take a smaller model"]
    assert left and not is_alive(left)


def test_a_local_lambda_is_refused_where_the_payloads_cannot_be_sent(monkeypatch):
    monkeypatch.setattr(payloads, "_known", {})  # what was read of it before
    monkeypatch.setattr(type(targets.workload("echo")), "payloads", lambda self: ())
    problems = LambdaOrder("echo", 0, 1769, {}, None, "").problems()
    assert problems == ["workloads.echo: payloads() gives none: give at least one"]
