"""What CloudWatch tells of an endpoint's requests: sums over minutes, some minutes late, and never of one request."""

from datetime import UTC, datetime
from typing import Any

from targets.aws.account import Account

LATENCY = "ModelLatency"
"""How long units took to answer: one value for each request that reached one."""
INVOCATIONS, UNITS = "AWS/SageMaker", "/aws/sagemaker/Endpoints"
METRICS = {
    LATENCY: INVOCATIONS,
    "OverheadLatency": INVOCATIONS,
    "ModelSetupTime": INVOCATIONS,
    "MemoryUtilization": UNITS,
}
"""The namespace of each (SageMaker developer guide, monitoring with CloudWatch). ModelSetupTime is of serverless
endpoints alone: how long it took to start a unit."""
MINUTE_S = 60
Figures = dict[str, dict[str, Any]]
"""By metric: how many values there were, their sum, the largest, and their unit, as CloudWatch has them."""


def read_figures(account: Account, endpoint: str, variant: str, since_s: float, until_s: float) -> Figures:
    """Those of a span of wall time, in whole minutes; a metric that nothing was told of is not there."""
    named = {"EndpointName": endpoint, "VariantName": variant}
    wanted = {
        "Dimensions": [{"Name": name, "Value": value} for name, value in named.items()],
        "StartTime": datetime.fromtimestamp(since_s - since_s % MINUTE_S, UTC),
        "EndTime": datetime.fromtimestamp(until_s + MINUTE_S, UTC),
        "Period": MINUTE_S,
        "Statistics": ["SampleCount", "Sum", "Maximum"],
    }
    found: Figures = {}
    for name, namespace in METRICS.items():
        asked = {"Namespace": namespace, "MetricName": name, **wanted}
        if points := account.call("cloudwatch", "get_metric_statistics", **asked)["Datapoints"]:
            found[name] = _whole(points)
    return found


def _whole(points: list[dict[str, Any]]) -> dict[str, Any]:
    """Of all minutes together: a service says all that it tells of a metric in one unit."""
    return {
        "count": round(sum(point["SampleCount"] for point in points)),
        "sum": sum(point["Sum"] for point in points),
        "max": max(point["Maximum"] for point in points),
        "unit": points[0].get("Unit", "None"),
    }
