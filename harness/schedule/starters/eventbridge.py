"""Amazon EventBridge Scheduler: starts a target of the user's own in AWS, which then calls `frostline remeasure`."""

import json
import os
from typing import Any

from harness.errors import MissingError, UsageError
from harness.files.whole import one_line
from harness.schedule.plan import MONTHS
from harness.schedule.starters import Job

NAME = "frostline-remeasure"
TARGET = "FROSTLINE_SCHEDULE_TARGET_ARN"
ROLE = "FROSTLINE_SCHEDULE_ROLE_ARN"
NEEDED = {
    TARGET: "the ARN of what is to be started, e.g. a CodeBuild project, a Lambda function or a Step Functions machine",
    ROLE: "the ARN of a role that EventBridge Scheduler may take on to start it",
}
"""Read from the environment and written into no file."""


class EventBridge:
    """One schedule, made or brought up to date."""

    name = "eventbridge"

    def check(self, job: Job) -> None:
        """Refuse where an ARN is missing."""
        if lacking := [f"{name} is not set: {what}" for name, what in NEEDED.items() if not os.environ.get(name)]:
            raise UsageError(lacking)

    def install(self, job: Job) -> list[str]:
        """Create it, or update the one of this name. MissingError with AWS's own words when that is refused."""
        done = put(job, scheduler())
        return [
            f"{done} in EventBridge Scheduler: {NAME}, {expression(job)} UTC",
            "the target must call `frostline remeasure --if-due` where the schedule and earlier results are",
        ]

    def remove(self, job: Job) -> list[str]:
        """Say what stops it."""
        return [f"aws scheduler delete-schedule --name {NAME}"]


def scheduler() -> Any:
    """A client with the user's own credentials and region."""
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return boto3.client("scheduler")
    except BotoCoreError as error:
        raise MissingError(f"no client for EventBridge Scheduler: {one_line(str(error))}: set AWS_REGION") from error


def put(job: Job, client: Any) -> str:
    """Create or update the schedule; returns which."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        try:
            client.create_schedule(**schedule_of(job))
        except client.exceptions.ConflictException:
            client.update_schedule(**schedule_of(job))
            return "updated"
    except (BotoCoreError, ClientError) as error:
        why = one_line(str(error))
        raise MissingError(f"EventBridge Scheduler refused: {why}: check credentials, region and both ARNs") from error
    return "created"


def schedule_of(job: Job) -> dict[str, Any]:
    """Every field of the schedule; an update replaces them all."""
    return {
        "Name": NAME,
        "Description": "Frostline: quarterly re-measurement",
        "ScheduleExpression": expression(job),
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": os.environ[TARGET],
            "RoleArn": os.environ[ROLE],
            "Input": json.dumps({"command": ["frostline", "remeasure", "--if-due"]}),
            "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600},
        },
    }


def expression(job: Job) -> str:
    """The moment as AWS writes it: six fields, the last is the year."""
    moment = job.moment
    return f"cron({moment.minute} {moment.hour} {moment.day} {','.join(map(str, MONTHS))} ? *)"


STARTER = EventBridge()
