"""`frostline lambda up`: the local Lambda for one workload, in the foreground."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console

import targets
from harness.clock import sleep
from harness.commands.proxies import exception_line, proxy_variable
from harness.errors import MissingError, UsageError
from harness.experiment.payloads import payload_problems, payload_size_problems
from harness.experiment.pieces import WorkloadChoice
from harness.files.problems import no_workload, not_one_of
from harness.files.text import harmless
from harness.files.whole import one_line
from harness.interruption import interruptible
from harness.measure.clean import sweep
from harness.measure.sizes import function_problem, shortages_of
from targets.contract import Deployment, DeploymentError, Mortal, Order, Package, Sizing, Target
from targets.local.own_model import model_problems
from targets.packaging.model_folder import model_dir_problems
from targets.settings import LEAST_TMP_MB, MOST_TMP_MB, FunctionSettings

HIGHEST_PORT = 65_535
LEAST_MEMORY_MB, MOST_MEMORY_MB = 128, 10_240
LARGEST = 86_400
"""Of every other number: a day of seconds, more sandboxes than a host can hold."""


@dataclass(frozen=True)
class LambdaOrder:
    """What was asked for on the command line."""

    workload: str
    port: int
    memory_mb: int
    function: dict[str, Any]
    model_dir: Path | None
    target: str

    def problems(self) -> list[str]:
        """Everything that cannot be done as asked."""
        functions, unusable = _invoked_targets()
        found = []
        if self.workload not in targets.workload_names():
            found.append(f"workload: {no_workload(self.workload, targets.workload_names())}")
        if self.target in unusable:
            found.append(f"--target: {self.target}: {unusable[self.target]}")
        elif self.target and self.target not in functions:
            found.append(f"--target: {not_one_of(self.target, functions)}")
        if not 0 <= self.port <= HIGHEST_PORT:
            found.append(f"--port: {self.port} is not accepted: a port is 0 to {HIGHEST_PORT}")
        if not LEAST_MEMORY_MB <= self.memory_mb <= MOST_MEMORY_MB:
            found.append(f"--memory-mb: {self.memory_mb} is not accepted: {LEAST_MEMORY_MB} to {MOST_MEMORY_MB} are")
        found += [
            f"--{name.replace('_', '-')}: {value} is not accepted: above 0, at most {LARGEST}"
            for name, value in self.function.items()
            if name != "tmp_mb" and not 0 < value <= LARGEST
        ]
        if not LEAST_TMP_MB <= self.function.get("tmp_mb", LEAST_TMP_MB) <= MOST_TMP_MB:
            given = self.function["tmp_mb"]
            found.append(f"--tmp-mb: {given} is not accepted: {LEAST_TMP_MB} to {MOST_TMP_MB} are")
        if self.workload in targets.workload_names():
            found += [f"--model-dir: {line}" for line in self._model_problems()]
            asked = [self.target] if self.target in functions else functions[:1]
            chosen = WorkloadChoice(name=self.workload)
            found += payload_problems([chosen])
            found += [f"--target: {line}" for line in payload_size_problems([chosen], asked)]
        return found

    def _model_problems(self) -> list[str]:
        return model_dir_problems(targets.workload(self.workload), self.model_dir)


@interruptible()
def lambda_up(order: LambdaOrder, console: Console) -> None:
    """Serve until interrupted; everything is removed then. UsageError or MissingError before anything starts."""
    if problems := order.problems():
        raise UsageError(problems)
    functions, unusable = _invoked_targets()
    for name, why in unusable.items():
        console.print(f"note: target {name} is left out: {why}", markup=False)
    target = targets.target(order.target) if order.target else _first_that_runs(functions)
    workload = targets.workload(order.workload)
    sizing = Sizing.of_function(order.memory_mb)
    if shortages := shortages_of(target, Order("", sizing, FunctionSettings(**order.function))):
        raise UsageError([function_problem("--memory-mb", shortage) for shortage in shortages])

    def say(line: str) -> None:
        console.print(line, markup=False)

    if problems := model_problems(workload, order.model_dir, {}, say):
        raise UsageError([f"--model-dir: {one_line(harmless(line), 1000)}" for line in problems])
    try:
        package = target.package(workload, order.model_dir, say)
        _serve(order, target, package, console)
    except DeploymentError as error:
        raise MissingError(str(error)) from error


def _serve(order: LambdaOrder, target: Target, package: Package, console: Console) -> None:
    """Returns by an exception only: a signal, or a front that cannot be started or has ended."""
    settings = FunctionSettings(**order.function)
    run_id = f"lambda-{secrets.token_hex(3)}"
    try:
        deployment = target.deploy(
            package, Order(run_id, Sizing.of_function(order.memory_mb), settings, port=order.port)
        )
        try:
            _tell(deployment, order, target, console)
            if isinstance(deployment, Mortal):
                how = deployment.wait()
                raise DeploymentError(f"the front ended ({how}): nothing is served any more: start it again")
            while True:
                sleep(3600)
        finally:
            deployment.destroy()
    finally:
        sweep(run_id, [target.name], cut_off=True)


def _first_that_runs(names: list[str]) -> Target:
    """Isolated ones before others."""
    found = [target for name in names if not (target := targets.target(name)).missing()]
    return min(found, key=lambda target: not target.capabilities.isolated)


def _invoked_targets() -> tuple[list[str], dict[str, str]]:
    """Functions alone that cost nothing and speak the Invoke API; by name, why a target cannot be used at all."""
    functions, unusable = [], {}
    for name in targets.target_names():
        if problems := targets.target_problems(name):
            unusable[name] = one_line(harmless(problems[0]))
            continue
        target = targets.target(name)
        can = target.capabilities
        if can.invoke_api and not can.billed and len(target.parts) == 1:
            functions.append(name)
    return functions, unusable


def _tell(deployment: Deployment, order: LambdaOrder, target: Target, console: Console) -> None:
    parts = urlsplit(deployment.endpoints[0].url)
    url = f"{parts.scheme}://{parts.netloc}"
    console.print(f"{order.workload} on {target.name} at {url} (Ctrl-C removes everything). For example:", markup=False)
    if variable := proxy_variable(parts.scheme, parts.hostname or ""):
        told = f"  {exception_line()}  # {variable} is set here, and no proxy can reach this machine's own addresses"
        console.print(told, markup=False, soft_wrap=True)
    console.print(
        f'  boto3.client("lambda", endpoint_url="{url}", region_name="us-east-1", aws_access_key_id="local", '
        f'aws_secret_access_key="local").invoke(FunctionName="{order.workload}", Payload=b\'...\')',
        markup=False,
        soft_wrap=True,
    )
    _tell_limits(deployment.describe(), console)
    # No token: boto3 has no place for one. No look-up of the peer's user: only Linux tells, from the table of all
    # connections, which would be read on the path that runs measure.
    console.print("It checks no signature: all users of this machine can invoke it, nobody from outside.", markup=False)


def _tell_limits(facts: dict[str, Any], console: Console) -> None:
    unlike = facts.get("unlike_lambda")
    told = {
        "/tmp": facts.get("tmp"),  # noqa: S108 - a name to be read
        "/dev/shm": facts.get("shared_memory"),  # noqa: S108
        "Unlike Lambda": "; ".join(map(str, unlike)) if isinstance(unlike, list) else None,
    }
    for name, what in told.items():
        if what:
            console.print(f"{name}: {what}.", markup=False)
