"""Starts and ends the local Lambda's process, and is a deployment of a function behind it."""

import http.client
import json
import os
import secrets
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from targets.backing.contract import Backing
from targets.clock import now_ns, sleep
from targets.contract import DeploymentError, Endpoint, UnitUsage
from targets.events import Event, EventReader
from targets.local import own_children
from targets.local.last_words import exit_words
from targets.local.logged import Logged
from targets.local.resources import Usage
from targets.ownership import Owner, variables, work_folder
from targets.packaging.archive import ImageArchive
from targets.settings import FunctionSettings

READY_LIMIT_S = 30.0
CLOSE_LIMIT_S = 60.0
STAND_BY_LIMIT_S = 600.0
COLD_MARGIN_S = 5.0
COLD_POLL_S = 0.02
Meter = Callable[[Event], Usage]
"""From a unit's `started` event to what it uses now."""
Proof = Callable[[Event], bool]
"""From a unit's `started` event to whether nothing of it is left, by the word of whoever ran it."""


class FrontProcess:
    """One running front. `settings` is what targets.lambda_front reads; `port` 0 takes a free one."""

    def __init__(self, settings: dict[str, Any], run_id: str, port: int = 0) -> None:
        self.folder = work_folder("front")
        self.reader = EventReader(self.folder / "events.jsonl")
        order = {**settings, "port": port, "events": str(self.reader.path)}
        self._process = own_children.start(
            [sys.executable, "-m", "targets.lambda_front"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **variables(run_id, Owner.current())},
        )
        try:
            ready = self._begin(order)
            if "error" in ready:
                raise DeploymentError(f"the Lambda front did not start on port {port}: {ready['error']}")
        except BaseException:
            self.close()
            raise
        self.port = int(ready["port"])
        self.priority = str(ready["priority"])

    def _begin(self, order: dict[str, Any]) -> dict[str, Any]:
        """Hand over the settings; returns what the front says of itself, "error" when it cannot serve."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            return {"error": f"it ended at once ({error})"}
        if not select.select([self._process.stdout], [], [], READY_LIMIT_S)[0]:
            return {"error": f"it said nothing for {READY_LIMIT_S:.0f} s"}
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "it ended at once"}
        return answer

    def wait(self) -> str:
        """Wait until it ends by itself, or by another's hand; how it did, in words."""
        return exit_words(self._process.wait())

    def post(self, path: str, body: bytes = b"", limit_s: float = CLOSE_LIMIT_S) -> dict[str, Any]:
        """Ask the front itself, not the function. DeploymentError when it does not answer, or refuses."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=limit_s)
        try:
            connection.request("POST", path, body)
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise DeploymentError(f"the Lambda front does not answer: {error}") from error
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise DeploymentError(f"the Lambda front refuses: {answer.get('message', answer)}")
        return answer

    def close(self) -> None:
        """Let it remove its sandboxes and end; kill it when it does not. Safe to call twice."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # settings that it ended without reading
                self._process.stdin.close()
        try:
            self._process.wait(CLOSE_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self.reader.read()
        shutil.rmtree(self.folder, ignore_errors=True)


class FunctionDeployment(Logged):
    """A function behind a front of its own. Cold means an empty pool."""

    def __init__(
        self,
        settings: dict[str, Any],
        backing: Backing,
        meter: Meter,
        is_gone: Proof,
        facts: dict[str, Any],
        archive: ImageArchive | None = None,
        resources: ExitStack | None = None,
    ) -> None:
        self.order = order = backing.order
        self._backing = backing
        self.function = order.settings_of(FunctionSettings)
        self.generation = secrets.token_hex(4)
        self._is_gone = is_gone
        self._facts = facts
        self._archive = archive
        self._resources = resources or ExitStack()
        """What is closed with the deployment, or when it cannot be started: a client of the engine, what backs it."""
        try:
            self.front = FrontProcess({**settings, "generation": self.generation}, order.run_id, order.port)
        except BaseException:
            self._resources.close()
            raise
        path = f"/2015-03-31/functions/{settings['name']}/invocations"
        url = f"http://127.0.0.1:{self.front.port}{path}"
        self.endpoints: tuple[Endpoint, ...] = (Endpoint(url, request_id_header="x-amzn-requestid"),)
        self._meter = meter

    def wake(self) -> None:
        """Do nothing: a request starts what it needs."""

    def stand_by(self, idle_s: Sequence[float], first_s: float, body: bytes) -> int:
        """Have so many sandboxes, idle for so long (negative: busy for that), before the next request comes; takes at
        most STAND_BY_LIMIT_S."""
        query = urlencode({"idle_s": ",".join(f"{age_s:.6f}" for age_s in idle_s), "first_s": f"{first_s:.6f}"})
        return int(self.front.post(f"/frostline/stand-by?{query}", body, STAND_BY_LIMIT_S)["standing"])

    def make_cold(self) -> str:
        """Drop the pool; see that no sandbox is left in the event log, and that the engine or the kernel agrees.

        A sandbox that is busy, because its client gave up, is waited for as long as the function may run.
        """
        self._backing.check()
        started = self.front.reader.living_units()
        self.generation = secrets.token_hex(4)
        drop = f"/frostline/drop?generation={self.generation}"
        self.front.post(drop)
        function = self.function
        deadline = now_ns() + int((function.init_timeout_s + function.timeout_s + COLD_MARGIN_S) * 1e9)
        while remaining := self.front.reader.living_units().keys() | {
            unit for unit, event in started.items() if not self._is_gone(event)
        }:
            if now_ns() > deadline:
                raise DeploymentError(f"sandboxes are left after the pool was dropped: {sorted(remaining)}")
            sleep(COLD_POLL_S)
            self.front.post(drop)  # only what is idle is dropped: what was busy may be idle by now
        if self._archive is not None:
            self._archive.forget()
        return self.generation

    def reset(self, ledger: Path | None) -> None:
        """Drop the pool, as make_cold does."""
        self.check_ledger(ledger)
        self.make_cold()

    def scale_out(self) -> Endpoint:
        """DeploymentError always: a function scales out request by request."""
        raise DeploymentError("a function scales out by itself, request by request")

    def usage(self) -> list[UnitUsage]:
        """What the kernel counts for each sandbox that the event log says is alive."""
        usages = [(unit, self._meter(event)) for unit, event in self.front.reader.living_units().items()]
        return [
            UnitUsage(unit, use.memory_bytes, use.own_memory_bytes, use.cpu_ns, use.throttled_ns)
            for unit, use in usages
        ]

    def events(self) -> list[Event]:
        """Everything that the front has logged so far."""
        return self.front.reader.read()

    def describe(self) -> dict[str, Any]:
        """The front's settings in force, and what its sandboxes have and have not."""
        front = {"priority": self.front.priority, **vars(self.function)}
        threads = f"{self.order.sizing.threads} an inference, one at once in a sandbox"
        return {
            "init_timeout_s": self.function.init_timeout_s,
            "front": front,
            "threads": threads,
            **self._facts,
            **self._backing.facts,
        }

    def wait(self) -> str:
        """Wait until the front ends without being told to by us; how it did, in words."""
        return self.front.wait()

    def destroy(self) -> None:
        """End the front, which removes its sandboxes."""
        with self._resources, ExitStack() as last:
            if self._archive is not None:
                last.callback(self._archive.restore)
            self.front.close()
