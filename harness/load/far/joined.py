"""A worker on another machine: joins a master, carries out its share of each schedule, and goes with the run."""

import signal
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import gevent
from gevent.event import AsyncResult
from locust import runners
from locust.env import Environment

from harness.clock import now_ns
from harness.errors import FrostlineError, TrialError
from harness.files.text import harmless
from harness.load.failures import WorkersLost, told_of
from harness.load.far.admission import Admission, Tell, reason
from harness.load.far.errand import Errand
from harness.load.far.mailbox import Mailbox
from harness.load.far.messages import ARMED, DONE, FETCH, GO, KEPT, LEAVING, OVER, PIECE, PING, PLAN, PLANNED, PONG
from harness.load.far.roster import SILENT_S
from harness.load.far.sockets import SealedClient, require_curve
from harness.load.worker import LoneUser

MASTER = "master"
PIECE_LIMIT_S = 60.0
LOOK_S = 1.0
FAREWELL_S = 0.5
"""For the last words to leave."""
INTERRUPTED = 130


class Joined:
    """One worker from when it is let in until it is told, or sees, that the run is over."""

    def __init__(self, admission: Admission, tell: Tell) -> None:
        """Returns once it is let in, with the errors of `Admission.obtain`."""
        require_curve()
        self._admission, self._tell = admission, tell
        self._over = AsyncResult()
        self._mailbox = Mailbox()
        self._errand: Errand | None = None
        self._work: gevent.Greenlet | None = None
        """Carries the errand out."""
        sealed = SimpleNamespace(Client=lambda host, port, client_id: self._obtain(client_id))
        runners.__dict__["rpc"] = sealed
        self._environment = Environment(user_classes=[LoneUser])
        self._runner = self._environment.create_worker_runner("", 0)
        handlers: dict[str, Callable[[dict[str, Any]], None]] = {
            PIECE: lambda data: self._mailbox.put(MASTER, PIECE, data),
            PING: lambda data: self._say(PONG, data, now_ns=now_ns(), number=data.get("number")),
            FETCH: self._hand_over,
            GO: self._go,
            KEPT: self._drop,
            OVER: self._end,
        }
        for kind, handle in handlers.items():
            self._runner.register_message(kind, _listener(handle))
        self._runner.register_message(PLAN, _listener(self._carry_out), concurrent=True)
        tell(f"joined the run at {admission.place}")

    def _obtain(self, client_id: str) -> SealedClient:
        self._client = self._admission.obtain(client_id)
        return self._client

    def wait(self) -> int:
        """Until it is over; returns the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, self._leave, number)
        gevent.spawn(self._look)
        code, why = self._over.get()
        self._drop({"order": self._errand.order if self._errand else ""})
        self._tell(why)
        return int(code)

    def _carry_out(self, data: dict[str, Any]) -> None:
        """In a greenlet of its own."""
        self._drop({"order": self._errand.order if self._errand else ""})
        self._work = gevent.getcurrent()
        errand = self._errand = Errand(data["order"], data["rank"], data["of"])
        ask = lambda name, at: self._ask(errand.order, name, at)  # noqa: E731
        try:
            shift, sha256 = errand.prepare(self._environment, data.get("sizes"), ask)
        except Exception as error:
            self._say(PLANNED, data, **told_of(error))
            return
        self._environment.shift = shift  # type: ignore[attr-defined]
        self._say(PLANNED, data, sha256=sha256)
        shift.armed.wait()
        self._say(ARMED, data)
        try:
            report = errand.wait_out()
        except TrialError as error:
            report = told_of(error)
        if self._errand is errand:
            self._work = None
            self._say(DONE, data, report=report, sizes=errand.offer.sizes)

    def _ask(self, order: str, name: str, at: int) -> Any:
        answer = self._mailbox.expect(MASTER, PIECE)
        self._say(FETCH, {"order": order}, name=name, at=at)
        try:
            said = answer.get(timeout=PIECE_LIMIT_S)
        except gevent.Timeout:
            raise WorkersLost(f"the plan did not come within {PIECE_LIMIT_S:g} s a piece") from None
        return said.get("data") if (said.get("name"), said.get("at")) == (name, at) else None

    def _hand_over(self, data: dict[str, Any]) -> None:
        errand = self._errand
        if errand is not None and errand.order == data["order"] and (piece := errand.offer.piece(data)) is not None:
            self._say(PIECE, data, name=data["name"], at=data["at"], data=piece)

    def _go(self, data: dict[str, Any]) -> None:
        if self._errand is not None and self._errand.order == data["order"]:
            self._errand.shift.go.set(data["begin_ns"])

    def _drop(self, data: dict[str, Any]) -> None:
        if self._errand is not None and self._errand.order == data["order"]:
            if self._work is not None:
                self._work.kill(block=False)
            self._errand.close()
            self._errand = self._work = None

    def _end(self, data: dict[str, Any]) -> None:
        self._over.set((1 if data.get("fault") else 0, harmless(reason(data))))

    def _leave(self, number: int) -> None:
        """Told to go: a run that goes on without it hears so at once."""
        self._runner.send_message(LEAVING, {"why": f"stopped by {signal.Signals(number).name}"})
        gevent.sleep(FAREWELL_S)
        self._over.set((INTERRUPTED, "stopped: what was under way is INVALID"))

    def _look(self) -> None:
        """Without its master it sends nothing: twice, so that a pause of its own is not taken for one of the other."""
        silent = 0
        while silent < 2:
            gevent.sleep(LOOK_S)
            silent = silent + 1 if now_ns() - self._client.heard_ns > SILENT_S * 1e9 else 0
        self._over.set((1, f"the run was not heard for {SILENT_S:g} s: its machine, or the way there, is gone"))

    def _say(self, kind: str, of: dict[str, Any], **data: Any) -> None:
        self._runner.send_message(kind, {**data, "order": of["order"]})


def _listener(handle: Callable[[dict[str, Any]], None]) -> Callable[..., None]:
    """As Locust calls them."""

    def listen(environment: Environment, msg: Any, **_: Any) -> None:
        handle(msg.data)

    return listen


def join(host: str, port: int, within_s: float, token: str) -> int:
    """Be a worker of the run that listens there, until that is over; returns the exit code."""

    def tell(line: str) -> None:
        print(f"frostline: {line}", file=sys.stderr, flush=True)

    try:
        return Joined(Admission(host, port, within_s, token, tell), tell).wait()
    except FrostlineError as error:
        tell(str(error))
        return error.exit_code
