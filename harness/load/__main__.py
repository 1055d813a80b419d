"""A load process: reads folders of plans as lines, carries each out, answers with one JSON line each.

`python -m harness.load WORKERS LEASH_FD` is the process that a run talks to; with more than one worker it is Locust's
master and starts the others as `python -m harness.load worker PORT`. With an address behind them it is a master that
waits there for workers on other machines, each of which is `python -m harness.load join HOST PORT SECONDS` (far/); both
read the token that they share as their first line.
"""

from gevent import monkey

monkey.patch_all()  # before anything that touches sockets: Locust's rule

import gc  # noqa: E402

gc.set_threshold(10_000)  # what is loaded stays

import json  # noqa: E402
import logging  # noqa: E402
import math  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from types import ModuleType  # noqa: E402
from typing import Any, Protocol  # noqa: E402

import gevent  # noqa: E402
from gevent.fileobject import FileObjectPosix  # noqa: E402

NO_PAGES = ModuleType("locust.web")
NO_PAGES.__dict__["WebUI"] = None
sys.modules["locust.web"] = NO_PAGES  # nobody opens Locust's pages here: Flask was a fifth of this process's start

from locust import runners  # noqa: E402
from locust.env import Environment  # noqa: E402

from harness.clock import now_ns  # noqa: E402
from harness.errors import TrialError  # noqa: E402
from harness.load.failures import end_of, told_of, told_of_all  # noqa: E402
from harness.load.wire import MUSTER, LoadPlan, unheard  # noqa: E402
from harness.load.worker import LoneUser, Shift  # noqa: E402
from targets.serving.leash import hold  # noqa: E402

LEAD_NS = 300_000_000
"""Between the order to start and the first moment of the schedule."""
READY_LIMIT_S = 60


def say(**message: Any) -> None:
    """Print a message as one line for whoever drives this process."""
    print(json.dumps(message), flush=True)


class Team(Protocol):
    """Workers, one or several."""

    workers: int
    is_lasting: bool
    """Whether it goes on when one of them is lost; otherwise the next plan gets a new process."""

    def muster(self) -> None:
        """Wait until all of them are there."""

    def carry_out(self, folder: str) -> tuple[int, list[dict[str, Any]]]:
        """Run the plan in this folder; returns the moment of offset 0 and the workers' reports, or their errors."""


class Alone:
    """One worker in this very process, on Locust's local runner."""

    workers = 1
    is_lasting = False

    def __init__(self) -> None:
        self.environment = Environment(user_classes=[LoneUser])
        self.runner = self.environment.create_local_runner()

    def muster(self) -> None:
        """It came with this process."""

    def carry_out(self, folder: str) -> tuple[int, list[dict[str, Any]]]:
        """Run the plan in this folder; returns the moment of offset 0 and the worker's report."""
        shift = Shift.read(self.environment, folder, 0, 1)
        self.environment.shift = shift  # type: ignore[attr-defined]
        self.runner.start(1, spawn_rate=1)
        if not shift.armed.wait(READY_LIMIT_S):
            raise TrialError("the worker did not get ready")
        begin_ns = now_ns() + LEAD_NS
        shift.go.set(begin_ns)
        self._follow(shift)
        self.runner.stop()
        return begin_ns, [shift.report]

    def _follow(self, shift: Shift) -> None:
        while not shift.finished.wait(1):
            say(ended=shift.dispatcher.ended)


class Master:
    """Locust's master: workers get a stripe of the schedule each and start at one moment of the host's one clock."""

    is_lasting = False
    KINDS = ("frostline_planned", "frostline_armed", "frostline_done")

    def __init__(self, workers: int) -> None:
        from harness.load import patience  # brings NumPy along: only the master needs it, and not in mid-schedule

        self._patience = patience
        self.workers = workers
        self.environment = Environment(user_classes=[LoneUser])
        self.runner = self.environment.create_master_runner("127.0.0.1", 0)
        self.inbox: dict[str, list[dict[str, Any]]] = {kind: [] for kind in self.KINDS}
        self.pids: dict[str, int] = {}
        """Of the workers' processes, by what Locust calls them."""
        self.runner.register_message("frostline_waiting", self._receive_waiting)
        for kind in self.KINDS:
            self.runner.register_message(kind, self._receive)
        port = str(self.runner.server.port)
        command = [sys.executable, "-m", "harness.load", "worker", port]
        self.processes = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(workers)]
        # Locust knows a worker before that listens for our messages, and drops what comes too early.
        self._await(lambda: len(self.pids) == workers, "workers did not report to Locust's master")

    def muster(self) -> None:
        """They came with this process."""

    def carry_out(self, folder: str) -> tuple[int, list[dict[str, Any]]]:
        """Run the plan in this folder; returns the moment of offset 0 and the workers' reports, or their errors."""
        self.inbox = {kind: [] for kind in self.KINDS}
        clients = sorted(self.runner.clients)
        for rank, client in enumerate(clients):
            self.runner.send_message("frostline_plan", {"folder": folder, "rank": rank, "of": self.workers}, client)
        self._await(lambda: len(self.inbox["frostline_planned"]) == self.workers, "workers did not take the plan")
        if refusals := [report for report in self.inbox["frostline_planned"] if "error" in report]:
            return 0, refusals
        self.runner.start(self.workers, spawn_rate=self.workers)
        self._await(lambda: len(self.inbox["frostline_armed"]) == self.workers, "workers did not get ready")
        begin_ns = now_ns() + LEAD_NS
        self.runner.send_message("frostline_go", {"begin_ns": begin_ns})
        reports = self._await_reports(LoadPlan.read(folder), clients)
        if not any(report.get("lost") for report in reports):  # or Locust would wait a minute for who is gone
            self.runner.stop()
        return begin_ns, reports

    def _await_reports(self, plan: LoadPlan, clients: list[str]) -> list[dict[str, Any]]:
        """By rank what each worker has to say in the end, or how it ended: one that is stopped, or hangs, is killed
        when all of its requests are long over."""
        waits = {rank: self._patience.of_worker(plan, rank, self.workers) for rank in range(self.workers)}
        processes = {process.pid: process for process in self.processes}
        ends = {rank: processes[self.pids[client]] for rank, client in enumerate(clients)}
        reports: dict[int, dict[str, Any]] = {}
        while ends:
            gone = {rank: status for rank, process in ends.items() if (status := process.poll()) is not None}
            gevent.sleep(0.01)  # what one said before it ended is heard first
            reports |= {int(report["rank"]): report for report in self.inbox["frostline_done"]}
            for rank, status in gone.items():
                reports.setdefault(rank, {**unheard(rank, end_of(status))})
            for rank in [rank for rank in ends if rank not in reports and waits[rank].is_over()]:
                ends[rank].kill()
                reports[rank] = {**unheard(rank, self._patience.STUCK)}
            ends = {rank: process for rank, process in ends.items() if rank not in reports}
        return [report for _, report in sorted(reports.items())]

    def _receive_waiting(self, environment: Environment, msg: Any, **_: Any) -> None:
        self.pids[msg.node_id] = msg.data["pid"]

    def _receive(self, environment: Environment, msg: Any, **_: Any) -> None:
        self.inbox[msg.type].append(msg.data)

    def _await(self, condition: Callable[[], bool], problem: str) -> None:
        deadline = now_ns() + READY_LIMIT_S * 1_000_000_000
        while not condition():
            if ends := [end_of(status) for process in self.processes if (status := process.poll()) is not None]:
                raise TrialError(f"{problem}: one {ends[0]}")
            if now_ns() > deadline:
                raise TrialError(problem)
            gevent.sleep(0.01)


def work(port: int) -> None:
    """Be one of several workers: take plans from Locust's master until it goes."""
    environment = Environment(user_classes=[LoneUser])
    runner = environment.create_worker_runner("127.0.0.1", port)

    def on_plan(environment: Environment, msg: Any, **_: Any) -> None:
        try:
            shift = Shift.read(environment, msg.data["folder"], msg.data["rank"], msg.data["of"])
        except Exception as error:
            runner.send_message("frostline_planned", {"rank": msg.data["rank"], **told_of(error)})
            return
        environment.shift = shift  # type: ignore[attr-defined]
        runner.send_message("frostline_planned", {"rank": msg.data["rank"]})
        shift.armed.wait()
        runner.send_message("frostline_armed", {"rank": msg.data["rank"]})
        shift.finished.wait()
        runner.send_message("frostline_done", shift.report)

    def on_go(environment: Environment, msg: Any, **_: Any) -> None:
        environment.shift.go.set(msg.data["begin_ns"])  # type: ignore[attr-defined]

    runner.register_message("frostline_plan", on_plan, concurrent=True)
    runner.register_message("frostline_go", on_go)
    runner.send_message("frostline_waiting", {"pid": os.getpid()})
    FileObjectPosix(sys.stdin.fileno(), "rb").read()  # the master's end: nothing is left to do


def team_of(workers: int, address: list[str], lines: Iterator[str]) -> Team:
    """Those that are asked for; at an address, those that come there, who know the token that is read first."""
    if not address:
        return Alone() if workers == 1 else Master(workers)
    from harness.load.far.fleet import Fleet  # brings along what only it needs

    host, port, within_s = address
    fleet = Fleet(workers, host, int(port), float(within_s), next(lines), say)
    gevent.signal_handler(signal.SIGTERM, fleet.dismiss)
    return fleet


def main() -> None:
    """Serve plans until standard input closes."""
    logging.disable(logging.WARNING)
    # Whether a worker lives its process says: one that was stopped for a while goes on, and is late.
    runners.HEARTBEAT_LIVENESS = runners.MASTER_HEARTBEAT_TIMEOUT = math.inf  # type: ignore[assignment]
    if sys.argv[1] == "worker":
        work(int(sys.argv[2]))
        return
    lines = (line.decode().strip() for line in FileObjectPosix(sys.stdin.fileno(), "rb"))
    if sys.argv[1] == "join":
        from harness.load.far.joined import join

        sys.exit(join(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), next(lines)))
    hold(int(sys.argv[2]))  # a run that is killed in the midst of a schedule takes its load with it
    try:
        team = team_of(int(sys.argv[1]), sys.argv[3:], lines)
    except Exception as error:
        say(**told_of(error))
        return
    say(ready=team.workers)
    for line in lines:
        try:
            if line == MUSTER:
                team.muster()
                say(spent=False)
                continue
            begin_ns, reports = team.carry_out(line)
        except Exception as error:  # told to the run, which decides
            say(**told_of(error))
            continue
        is_spent = not team.is_lasting and any(report.get("lost") for report in reports)
        say(**(told_of_all(reports) or {"begin_ns": begin_ns, "workers": reports, "spent": is_spent}))
        if is_spent:
            return


if __name__ == "__main__":
    main()
