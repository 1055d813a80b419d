"""How much memory a trial takes that is large: 5,000 replies of 1 MB, and 1,000 sandboxes that are sampled for 300 s.

Run with `python -m tests.benchmarks.memory`; no two replies are alike, so the load path lays 5 GB on disk meanwhile.
The peaks are the kernel's own, of each process that takes part. Ends with 1 when one is too high, with 4 when the
machine was too busy to say.
"""

import array
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

from tests.benchmarks.calm import settled, worst

MOST_MB = 400.0
REPLIES, REPLY_BYTES, RATE = 5_000, 1_000_000, 50
SANDBOXES, SECONDS = 1_000, 300
MODULE = "tests.benchmarks.memory"


def peak_mb(process: int | str = "self") -> float:
    """The most that a process has had in memory since it began."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def serve() -> None:
    """Answer every request with so many bytes of its own and an envelope, until standard input closes."""
    numbers, filling = count(1), b"x" * REPLY_BYTES

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            number = next(numbers)
            own = {"unit": "0001", "clock": None, "invocation": number, "begun_ns": number, "ended_ns": number + 1}
            body = b'{"answer": "%d %s", "frostline": %s}' % (number, filling, json.dumps(own).encode())
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 1024  # a few refused connections would say nothing about memory

    server = Server(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


class Long:
    """A workload whose answers are right when they are long enough."""

    def payloads(self) -> list[Any]:
        from targets.workloads.contract import Payload

        return [Payload("any", b"{}")]

    def check(self, payload: object, answer: str, own_model: bool) -> str | None:
        return None if len(answer) > REPLY_BYTES else f"{len(answer)} characters"


def take_replies(port: int) -> dict[str, float]:
    """Peaks of the load process and of the run's, after so many large replies."""
    import psutil

    import harness.commands.app  # noqa: F401 - what a run has in memory besides
    from harness.load.process import LoadProcess
    from harness.load.wire import LoadPlan
    from harness.measure.rows.judge import Judge
    from targets.contract import Capabilities, Endpoint

    can = Capabilities("own", "renewed", "per_request", events=False, emulated=True, isolated=False)
    offsets = array.array("d", [number / RATE for number in range(REPLIES)])
    plan = LoadPlan("", [Endpoint(f"http://127.0.0.1:{port}/")], "", REPLIES / RATE)
    load = LoadProcess()
    try:
        sent = load.carry_out(plan, offsets, [b"{}"], lambda ended: None)
        loaders = [peak_mb(child.pid) for child in psutil.Process().children(recursive=True)]
    finally:
        load.close()
    table = Judge(Long(), False, can).judge(sent).requests  # type: ignore[arg-type]
    sent.replies.close()
    good = table["outcome"].to_pylist().count("ok")
    for error in set(table["error"].drop_null().to_pylist()):
        print(f"not as it must be: {error}", file=sys.stderr)
    return {"the load process": max(loaders), "the run, which judges": peak_mb(), "good": good}


class Crowd:
    """A deployment of many sandboxes, each with figures of its own."""

    def __init__(self) -> None:
        self.looks = 0
        self.units = [f"{number:04d}" for number in range(SANDBOXES)]

    def usage(self) -> list[Any]:
        from targets.contract import UnitUsage

        self.looks += 1
        look = self.looks
        return [
            UnitUsage(unit, 50_000_000 + look * number, 30_000_000 + look + number, look * (number + 1) * 997, look)
            for number, unit in enumerate(self.units)
        ]


def take_samples() -> dict[str, float]:
    """The peak of the process that samples, makes the units' records and stores the trial."""
    import harness.commands.app  # noqa: F401 - what a run has in memory besides
    from harness.measure.rows.evidence import UnitLog
    from harness.measure.rows.units import logged_lives, unit_records
    from harness.measure.sampler import INTERVAL_S, Sampler
    from harness.record.folder import RunFolder
    from targets.events import Event
    from tests.synthetic import manifest, requests, trial

    crowd = Crowd()
    sampler = Sampler(crowd)  # type: ignore[arg-type]
    for _ in range(round(SECONDS / INTERVAL_S)):
        sampler.look()
    events = [Event(at_ns=1, kind="create", unit=unit, for_request=True) for unit in crowd.units]
    samples = sampler.table(0)
    units = unit_records(logged_lives(UnitLog(events)), samples)
    with tempfile.TemporaryDirectory() as folder:
        rows = requests([1.0])
        RunFolder.create(Path(folder), manifest()).save_trial(trial(rows), rows, samples)
    good = sum(unit.cpu_ns == crowd.looks * (number + 1) * 997 for number, unit in enumerate(units))
    return {"the run, which samples": peak_mb(), "good": good}


def measured(*arguments: str) -> dict[str, float]:
    """What a process of its own says of itself: nothing that was in memory before counts."""
    done = subprocess.run([sys.executable, "-m", MODULE, *arguments], stdout=subprocess.PIPE, check=True)
    peaks: dict[str, float] = json.loads(done.stdout)
    return peaks


def judge(title: str, measure: Callable[[], dict[str, float]], wanted: int) -> list[str]:
    """Print the peaks; returns the bounds that do not hold."""
    peaks = measure()
    good = peaks.pop("good")
    print(f"\n{title}: {good:.0f} of {wanted} as they must be")
    problems = [] if good == wanted else [f"{title}: {good:.0f} of {wanted} are as they must be"]
    for process, peak in peaks.items():
        print(f"  {process}: at most {peak:.0f} MB")
        if peak > MOST_MB:
            problems.append(f"{title}: {process} had {peak:.0f} MB, bound {MOST_MB:.0f} MB")
    return problems


def replies() -> list[str]:
    """The bounds that do not hold for large replies."""
    command = [sys.executable, "-m", MODULE, "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        port = server.stdout.readline().decode().strip()
        title = f"{REPLIES} replies of {REPLY_BYTES / 1e6:g} MB at {RATE}/s"
        return judge(title, partial(measured, "replies", port), REPLIES)


def samples() -> list[str]:
    """The bounds that do not hold for many sandboxes."""
    title = f"{SANDBOXES} sandboxes sampled for {SECONDS} s"
    return judge(title, partial(measured, "samples"), SANDBOXES)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            serve()
        case ["replies", port]:
            print(json.dumps(take_replies(int(port))))
        case ["samples"]:
            print(json.dumps(take_samples()))
        case _:
            sys.exit(worst([settled(samples), settled(replies)]))
