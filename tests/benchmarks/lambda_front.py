"""The local Lambda beside the bare emulator, in alternating passes: what the front adds, warm and cold.

Run with `python -m tests.benchmarks.lambda_front`; needs a Docker engine. Ends with 1 when a bound does not hold,
with 4 when the machine was too busy to say.
"""

import http.client
import json
import socket
import statistics
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import httptools

import targets
from targets.contract import Deployment, Order, Package, Sizing
from targets.local import containers
from targets.ownership import Owner, labels
from targets.packaging.image import FUNCTION_COMMAND
from tests.benchmarks.calm import settled

PASSES = 40
WARM_REQUESTS = 60
COLD_STARTS = 12
WARM_BOUND_MS = 0.5
COLD_BOUND = 1.10
INVOKE = "/2015-03-31/functions/{}/invocations"
RUN = "benchmark-front"


class Caller:
    """One kept-alive connection that sends and parses as the load generator does: in one piece, by httptools."""

    def __init__(self, port: int, name: str, body: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"POST {INVOKE.format(name)} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        self.request = head.encode() + body

    def ask(self) -> None:
        self.complete = False
        parser = httptools.HttpResponseParser(self)
        self.socket.sendall(self.request)
        while not self.complete:
            parser.feed_data(self.socket.recv(65536))

    def on_message_complete(self) -> None:
        self.complete = True

    def median_ms(self) -> float:
        """Of one request after the other."""
        took = []
        for _ in range(WARM_REQUESTS):
            begun = time.perf_counter()
            self.ask()
            took.append((time.perf_counter() - begun) * 1e3)
        return statistics.median(took)


def bare(package: Package, order: Order, number: str) -> tuple[Any, int]:
    """Create, start and reach one emulator by the SDK alone; returns (container, port)."""
    client = containers.engine()
    environment = {**containers.serving_environment(package, order), "FROSTLINE_UNIT": number}
    owned = labels(RUN, Owner.current())
    name = f"frostline-{RUN}-{number}"
    container = containers.create(client, package.reference, FUNCTION_COMMAND, name, order.sizing, environment, owned)
    container.start()
    return container, containers.published_port(container)


def first_answer(port: int, body: bytes) -> None:
    """Ask for nothing until the emulator listens, then invoke once."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
            break
        except (OSError, http.client.HTTPException):
            time.sleep(0.002)
        finally:
            connection.close()
    Caller(port, "function", body).ask()


def bare_cold(package: Package, order: Order, number: int, body: bytes) -> float:
    begun = time.perf_counter()
    container, port = bare(package, order, f"cold-{number}")
    first_answer(port, body)
    took = time.perf_counter() - begun
    containers.remove(container)
    return took * 1e3


def port_of(deployment: Deployment) -> int:
    return urlsplit(deployment.endpoints[0].url).port or 0


def front_cold(deployment: Deployment, name: str, body: bytes) -> float:
    deployment.make_cold()
    begun = time.perf_counter()
    Caller(port_of(deployment), name, body).ask()
    return (time.perf_counter() - begun) * 1e3


def measure() -> list[str]:
    workload = targets.workload("echo")
    target = targets.target("docker-lambda")
    package = target.package(workload, None, print)
    order = Order(RUN, Sizing.of_function(1769))
    body = workload.payloads()[0].body
    deployment = target.deploy(package, order)
    container, port = bare(package, order, "warm")
    try:
        first_answer(port, body)
        front, direct = Caller(port_of(deployment), "echo", body), Caller(port, "function", body)
        front.median_ms()
        warm = [(front.median_ms(), direct.median_ms()) for _ in range(PASSES)]
        cold = [(front_cold(deployment, "echo", body), bare_cold(package, order, n, body)) for n in range(COLD_STARTS)]
    finally:
        deployment.destroy()
        containers.remove(container)
    fronts, directs = (statistics.median(side) for side in zip(*warm, strict=True))
    added = statistics.median(front - direct for front, direct in warm)
    ratio = statistics.median(front for front, _ in cold) / statistics.median(direct for _, direct in cold)
    least, most = min(front - direct for front, direct in warm), max(front - direct for front, direct in warm)
    print(f"warm p50, {PASSES} alternating passes of {WARM_REQUESTS}: front {fronts:.3f} ms, emulator {directs:.3f} ms")
    print(f"added in a pass: median {added:.3f} ms, least {least:.3f}, most {most:.3f}")
    print(f"{'start':>6} {'front ms':>10} {'SDK ms':>12}   (cold, create to first answer)")
    for number, (front_ms, direct_ms) in enumerate(cold, 1):
        print(f"{number:>6} {front_ms:>10.1f} {direct_ms:>12.1f}")
    result = {"warm_added_ms": round(added, 3), "cold_ratio": round(ratio, 3), "bounds": [WARM_BOUND_MS, COLD_BOUND]}
    print(json.dumps(result))
    problems = [] if added <= WARM_BOUND_MS else [f"warm: {added:.3f} ms added, bound {WARM_BOUND_MS} ms"]
    return problems + ([] if ratio <= COLD_BOUND else [f"cold: {ratio:.3f} times the SDK, bound {COLD_BOUND}"])


if __name__ == "__main__":
    sys.exit(settled(measure))
