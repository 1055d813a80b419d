"""A sandbox that is a process, and a function in it that does whatever the request says."""

import asyncio
import json
import os
from contextlib import closing

import pytest

from targets.clock import now_ns
from targets.contract import Sizing
from targets.events import EventLog, EventReader
from targets.lambda_front import process_sandbox
from targets.lambda_front.passage import Passage
from targets.lambda_front.pool import Pool
from targets.lambda_front.process_sandbox import ProcessSandboxes
from targets.local.processes import CODE
from targets.serving.quota import MAX_REPLY_BYTES
from targets.settings import FunctionSettings

ACTS = """
class Acts:
    name, summary = "acts", "Does what it is told"
    requirements, models, model_files = (), (), ()

    def load(self, phase, model_dir, threads):
        import os
        exec(os.environ.get("AT_LOAD", ""), {"marks": os.environ.get("FROSTLINE_MARKS_FD")})
        return act

    def payloads(self):
        return []

def act(request):
    told = {}
    exec(request["do"], told)
    return told.get("answer")

WORKLOAD = Acts()
"""
LIMIT_S = 60


@pytest.fixture
def play(tmp_path):
    """Run a scene with `ask(code)`, which returns the whole passage and what was answered."""
    (tmp_path / "targets" / "workloads").mkdir(parents=True)
    (tmp_path / "targets" / "workloads" / "acts.py").write_text(ACTS)

    def run(scene, at_load="", **settings):
        environment = {
            "PYTHONPATH": os.pathsep.join([str(CODE), str(tmp_path)]),
            "PYTHONUNBUFFERED": "1",
            "FROSTLINE_WORKLOAD": "acts",
            "AT_LOAD": at_load,
        }

        async def whole():
            with closing(EventLog(tmp_path / "events.jsonl")) as log:
                sandboxes = ProcessSandboxes(environment, log, Sizing(512, 1.0))
                pool = Pool(FunctionSettings(**settings), log, sandboxes.new)

                async def ask(code, wants_log=False):
                    passage = Passage(now_ns(), "r-1", wants_log)
                    reply = await pool.invoke(json.dumps({"do": code}).encode(), passage)
                    return reply, passage

                try:
                    async with asyncio.timeout(LIMIT_S):
                        await scene(ask, EventReader(tmp_path / "events.jsonl"))
                finally:
                    await pool.close()

        asyncio.run(whole())

    return run


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise KeyboardInterrupt", "killed by SIGINT"),
        ("import os; os._exit(7)", "exit status 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "killed by SIGSEGV"),
        ("import atexit, time; atexit.register(time.sleep, 0.3); raise KeyboardInterrupt", "killed by SIGINT"),
    ],
    ids=["interrupt", "_exit", "kill", "segfault", "late"],
)
def test_a_function_that_ends_in_a_request_is_told_by_how_it_ended(play, code, said):
    async def scene(ask, reader):
        reply, _ = await ask(code)
        assert (reply.error, json.loads(reply.body)) == (
            "Unhandled",
            {"errorType": "Runtime.ExitError", "errorMessage": f"the function's process ended: {said}"},
        )
        assert json.loads((await ask("answer = 1"))[0].body)["answer"] == 1, "it starts anew"

    play(scene)


def test_one_that_hangs_up_and_does_not_end_is_killed_and_that_is_said(play, monkeypatch):
    monkeypatch.setattr(process_sandbox, "END_S", 0.2)

    async def scene(ask, reader):
        code = "import os, time; os.close(int(os.environ['FROSTLINE_SOCKET_FD'])); time.sleep(600)"
        reply, _ = await ask(code)
        said = json.loads(reply.body)["errorMessage"]
        assert said == "the function's process hung up and did not end within 0.2 s: the front killed it"
        assert (await ask("answer = 1"))[0].error is None

    play(scene)


@pytest.mark.parametrize("size", [MAX_REPLY_BYTES, 400_000_000], ids=["just above", "far above"])
def test_an_answer_that_is_too_large_is_not_sent(play, size):
    async def scene(ask, reader):
        reply, _ = await ask(f"answer = 'x' * {size}")
        assert len(reply.body) < 1000 and reply.error == "Unhandled"
        assert json.loads(reply.body)["errorType"] == "Function.ResponseSizeTooLarge"
        again, passage = await ask("answer = 1")
        assert json.loads(again.body)["answer"] == 1 and passage.facts["spans_ns"] == {}, "the same process goes on"

    play(scene)


def test_what_it_prints_is_told_in_its_order_whichever_stream_it_prints_to(play):
    async def scene(ask, reader):
        await ask("print('before')")
        code = (
            "import logging, os, sys; print('one'); print('two', file=sys.stderr); logging.warning('three');"
            "os.write(1, b'four\\n'); os.write(2, b'five\\n')"
        )
        _, passage = await ask(code, wants_log=True)
        assert passage.report.printed == b"one\ntwo\nWARNING:root:three\nfour\nfive\n"

    play(scene)


TELL = "import json, os, time; tell = lambda at, unit='0001', kind='init_end': os.write(int(marks), json.dumps("
TELL += "{'frostline.mark': kind, 'unit': unit, 'at_ns': at}).encode() + b'\\n');"


@pytest.mark.parametrize(
    "told",
    [
        "tell(2**70)",
        "tell(time.monotonic_ns() + 10**9)",
        "tell(1)",
        "tell(-5)",
        "tell(time.monotonic_ns(), '0002')",
        "tell(2**70, kind='init_begin')",
    ],
    ids=["end of time", "in a second", "before the start", "below 0", "another unit", "begin"],
)
def test_a_mark_of_another_moment_or_of_another_unit_is_ignored(play, told):
    """The descriptor is a secret from nobody: a model that looks for it finds it."""

    async def scene(ask, reader):
        _, passage = await ask("import time; time.sleep(0.05)", wants_log=True)
        assert passage.report.duration_ns >= 50_000_000 and passage.report.init_ns >= 300_000_000
        marks = [event for event in reader.read() if event["kind"] in ("init_begin", "init_end")]
        assert [mark["kind"] for mark in marks] == ["init_begin", "init_end"]
        reply, _ = await ask("import time; time.sleep(60)")
        assert json.loads(reply.body)["errorType"] == "Sandbox.Timedout"

    at_load = TELL + told + "; time.sleep(0.3)"
    play(scene, at_load="import gc\n" + FIND + at_load, timeout_s=1.5)


FIND = """
from targets.serving import marks as module
marks = next(o._descriptor for o in gc.get_objects() if isinstance(o, module.Channel))
"""


def test_files_that_it_writes_are_no_memory_and_what_it_holds_is(play):
    async def scene(ask, reader):
        _, first = await ask("pass", wants_log=True)
        write = "import tempfile; f = tempfile.TemporaryFile(); [f.write(bytes(2**20)) for _ in range(200)]"
        _, wrote = await ask(write, wants_log=True)
        hold = "import time; held = b'x' * (150 * 2**20); time.sleep(0.2)"
        _, held = await ask(hold, wants_log=True)
        _, after = await ask("pass", wants_log=True)
        peaks = [passage.report.memory_peak_bytes for passage in (first, wrote, held, after)]
        assert peaks[0] <= peaks[1] < peaks[0] + 50 * 2**20
        assert peaks[2] >= 150 * 2**20 and peaks[3] >= peaks[2], "the most that was seen, as long as it lives"

    play(scene)
