"""`frostline lambda up`: the local Lambda for one workload, in the foreground."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

import targets
from harness.clock import sleep
from harness.errors import MissingError, UsageError
from harness.run import interruptible
from targets.contract import DeploymentError, FunctionSettings, Order, Sizing, Target
from targets.front_process import FunctionDeployment

HIGHEST_PORT = 65_535
LEAST_MEMORY_MB, MOST_MEMORY_MB = 128, 10_240


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
        functions = [name for name in targets.target_names() if targets.target(name).kind == "function"]
        found = []
        if self.workload not in targets.workload_names():
            found.append(f"workload: {self.workload!a} is not one of: {', '.join(targets.workload_names())}")
        if self.target and self.target not in functions:
            found.append(f"--target: {self.target!a} is not one of: {', '.join(functions)}")
        if not 0 <= self.port <= HIGHEST_PORT:
            found.append(f"--port: {self.port} is not accepted: a port is 0 to {HIGHEST_PORT}")
        if not LEAST_MEMORY_MB <= self.memory_mb <= MOST_MEMORY_MB:
            found.append(f"--memory-mb: {self.memory_mb} is not accepted: {LEAST_MEMORY_MB} to {MOST_MEMORY_MB} are")
        found += [
            f"--{name.replace('_', '-')}: {value} is not accepted: it must be above 0"
            for name, value in self.function.items()
            if value <= 0
        ]
        return found


def lambda_up(order: LambdaOrder, console: Console) -> None:
    """Serve until interrupted; everything is removed then. UsageError or MissingError before anything starts."""
    if problems := order.problems():
        raise UsageError(problems)
    target = _target(order.target)
    workload = targets.workload(order.workload)
    run_id = f"lambda-{secrets.token_hex(3)}"
    try:
        package = target.package(workload, order.model_dir, lambda line: console.print(line, markup=False))
        settings = Order(
            run_id, Sizing.of_function(order.memory_mb), function=FunctionSettings(**order.function), port=order.port
        )
        with interruptible():
            deployment = target.deploy(package, settings)
            try:
                _tell(deployment, order, target, console)
                while True:
                    sleep(3600)
            finally:
                deployment.destroy()
    except DeploymentError as error:
        raise MissingError(str(error)) from error


def _target(name: str) -> Target:
    if name:
        return targets.target(name)
    docker = targets.target("docker-lambda")
    return targets.target("process-lambda") if docker.missing() else docker


def _tell(deployment: Any, order: LambdaOrder, target: Target, console: Console) -> None:
    assert isinstance(deployment, FunctionDeployment)
    url = f"http://127.0.0.1:{deployment.front.port}"
    console.print(f"{order.workload} on {target.name} at {url} (Ctrl-C removes everything). For example:", markup=False)
    console.print(
        f'  boto3.client("lambda", endpoint_url="{url}", region_name="us-east-1", aws_access_key_id="local", '
        f'aws_secret_access_key="local").invoke(FunctionName="{order.workload}", Payload=b\'...\')',
        markup=False,
        soft_wrap=True,
    )
