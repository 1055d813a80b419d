"""The front's process: reads its settings as one JSON line, serves until its standard input closes, leaves nothing."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from targets.contract import DeploymentError, Sizing
from targets.descriptors import raise_descriptor_limit
from targets.events import EventLog
from targets.lambda_front.invoke import Front
from targets.lambda_front.pool import Pool
from targets.lambda_front.server import Connection
from targets.priority import be_punctual
from targets.settings import FunctionSettings


def make_sandboxes(settings: dict[str, Any], function: FunctionSettings, log: EventLog) -> Any:
    """What makes the pool's sandboxes: containers, or processes."""
    sizing = Sizing(**settings["sizing"])
    if settings["kind"] == "docker":
        from targets.lambda_front.docker_sandbox import DockerSandboxes, SandboxOrder

        keys = ("image", "command", "listens", "prefix", "environment", "labels", "ledger", "archive", "network")
        parts = {key: settings[key] for key in keys}
        return DockerSandboxes(SandboxOrder(sizing=sizing, settings=function, **parts), log)
    from targets.lambda_front.process_sandbox import ProcessSandboxes

    return ProcessSandboxes(settings["environment"], log, sizing)


async def serve(settings: dict[str, Any]) -> None:
    """Listen on loopback, say where on standard output, and serve until told to stop."""
    function = FunctionSettings(**settings["function"])
    log = EventLog(Path(settings["events"]))
    pool = Pool(function, log, make_sandboxes(settings, function, log).new, settings["generation"])
    front = Front(pool, settings["name"], settings["sizing"]["memory_mb"])
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    leash = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(leash), sys.stdin)
    server = await loop.create_server(lambda: Connection(front), "127.0.0.1", settings["port"], backlog=2048)
    raise_descriptor_limit()  # a connection for each request in flight, and one to each sandbox
    priority = be_punctual()
    log.write("open", priority=priority, **vars(function))
    print(json.dumps({"port": server.sockets[0].getsockname()[1], "priority": priority}), flush=True)
    await asyncio.wait(
        {asyncio.ensure_future(stop.wait()), asyncio.ensure_future(leash.read())}, return_when=asyncio.FIRST_COMPLETED
    )
    server.close()
    await front.close()
    log.write("close")


if __name__ == "__main__":
    line = sys.stdin.readline()
    if not line:  # whoever wanted a front was interrupted before saying which
        sys.exit(0)
    try:
        asyncio.run(serve(json.loads(line)))
    except (OSError, DeploymentError) as error:
        print(json.dumps({"error": str(error)}), flush=True)
        sys.exit(3)
