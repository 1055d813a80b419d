"""The local Lambda beside the bare emulator, in alternating passes: what the front adds, warm and cold.

Run with `python -m tests.benchmarks.lambda_front`; needs a Docker engine. Ends with 1 when a bound does not hold.
"""

import http.client
import json
import statistics
import sys
import time

import targets
from targets import containers
from targets.contract import Order, Package, Sizing
from targets.ownership import Owner, labels
from targets.packaging.image import FUNCTION_COMMAND

PASSES = 7
WARM_REQUESTS = 300
COLD_STARTS = 12
WARM_BOUND_MS = 0.5
COLD_BOUND = 1.10
INVOKE = "/2015-03-31/functions/{}/invocations"
RUN = "benchmark-front"


def post(connection: http.client.HTTPConnection, path: str, body: bytes) -> bytes:
    connection.request("POST", path, body)
    return connection.getresponse().read()


def warm_pass(port: int, name: str, body: bytes) -> float:
    """Median of one request after the other, in ms."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    took = []
    for _ in range(WARM_REQUESTS):
        begun = time.perf_counter()
        post(connection, INVOKE.format(name), body)
        took.append((time.perf_counter() - begun) * 1e3)
    connection.close()
    return statistics.median(took)


def bare(package: Package, order: Order, number: str):
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
            connection.close()
            time.sleep(0.002)
    post(connection, INVOKE.format("function"), body)
    connection.close()


def bare_cold(package: Package, order: Order, number: int, body: bytes) -> float:
    begun = time.perf_counter()
    container, port = bare(package, order, f"cold-{number}")
    first_answer(port, body)
    took = time.perf_counter() - begun
    containers.remove(container)
    return took * 1e3


def front_cold(deployment, name: str, body: bytes) -> float:
    deployment.make_cold()
    connection = http.client.HTTPConnection("127.0.0.1", deployment.endpoints[0].port, timeout=60)
    begun = time.perf_counter()
    post(connection, INVOKE.format(name), body)
    took = time.perf_counter() - begun
    connection.close()
    return took * 1e3


def main() -> int:
    workload = targets.workload("echo")
    target = targets.target("docker-lambda")
    package = target.package(workload, None, print)
    order = Order(RUN, Sizing.of_function(1769))
    body = workload.payloads()[0].body
    deployment = target.deploy(package, order)
    container, port = bare(package, order, "warm")
    try:
        first_answer(port, body)
        warm_pass(deployment.endpoints[0].port, "echo", body)
        warm = [
            (warm_pass(deployment.endpoints[0].port, "echo", body), warm_pass(port, "function", body))
            for _ in range(PASSES)
        ]
        cold = [(front_cold(deployment, "echo", body), bare_cold(package, order, n, body)) for n in range(COLD_STARTS)]
    finally:
        deployment.destroy()
        containers.remove(container)
    added = statistics.median(front for front, _ in warm) - statistics.median(direct for _, direct in warm)
    ratio = statistics.median(front for front, _ in cold) / statistics.median(direct for _, direct in cold)
    print(f"{'pass':>6} {'front ms':>10} {'emulator ms':>12}   (warm p50 of {WARM_REQUESTS})")
    for number, (front, direct) in enumerate(warm, 1):
        print(f"{number:>6} {front:>10.3f} {direct:>12.3f}")
    print(f"{'start':>6} {'front ms':>10} {'SDK ms':>12}   (cold, create to first answer)")
    for number, (front, direct) in enumerate(cold, 1):
        print(f"{number:>6} {front:>10.1f} {direct:>12.1f}")
    result = {"warm_added_ms": round(added, 3), "cold_ratio": round(ratio, 3), "bounds": [WARM_BOUND_MS, COLD_BOUND]}
    print(json.dumps(result))
    return 0 if added <= WARM_BOUND_MS and ratio <= COLD_BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
