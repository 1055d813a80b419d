"""Log groups, made before what writes into them, so that they carry our tags and are kept for a day."""

from targets.aws.account import Account
from targets.aws.refusals import GONE, Refused
from targets.aws.tags import PREFIX, tags_of

FUNCTIONS, TASKS = "/aws/lambda/", "/ecs/"
ENDPOINTS = "/aws/sagemaker/Endpoints/"
DAYS_KEPT = 1


def make_group(account: Account, name: str, run_id: str) -> None:
    """Make it, unless it is there."""
    try:
        account.call("logs", "create_log_group", logGroupName=name, tags=tags_of(run_id))
    except Refused as refused:
        if refused.code != "ResourceAlreadyExistsException":
            raise
    account.call("logs", "put_retention_policy", logGroupName=name, retentionInDays=DAYS_KEPT)


def read_streams(account: Account, name: str, since_ms: int, pattern: str) -> dict[str, list[str]]:
    """By stream, which is a unit: lines since a moment (wall time) that fit the pattern; none where there is no log."""
    try:
        events = account.pages(
            "logs", "filter_log_events", "events", logGroupName=name, startTime=since_ms, filterPattern=pattern
        )
    except Refused as refused:
        if refused.code in GONE:
            return {}
        raise
    streams: dict[str, list[str]] = {}
    for event in events:
        streams.setdefault(event.get("logStreamName", ""), []).extend(event["message"].splitlines())
    return streams


def list_groups(account: Account) -> list[tuple[str, dict[str, str]]]:
    """Names of those that are called as ours are, with their tags."""
    found = []
    for place in (FUNCTIONS, TASKS, ENDPOINTS):
        found += account.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=f"{place}{PREFIX}")
    return [(each["logGroupName"], _tags(account, each)) for each in found]


def remove_group(account: Account, name: str) -> None:
    """Fine when it is gone."""
    try:
        account.call("logs", "delete_log_group", logGroupName=name)
    except Refused as refused:
        if refused.code not in GONE:
            raise


def _tags(account: Account, group: dict[str, str]) -> dict[str, str]:
    arn = (group.get("logGroupArn") or group["arn"]).removesuffix(":*")
    try:
        return dict(account.call("logs", "list_tags_for_resource", resourceArn=arn)["tags"])
    except Refused as refused:
        if refused.code in GONE:
            return {}
        raise
