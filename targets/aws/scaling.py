"""Target tracking of a service: ECS starts and stops tasks so that their CPU is as busy as is asked for."""

from typing import TYPE_CHECKING

from targets.aws.account import Account

if TYPE_CHECKING:
    from targets.aws.aws_ecs import AwsEcsSettings

DIMENSION = "ecs:service:DesiredCount"


def track(account: Account, cluster: str, service: str, settings: "AwsEcsSettings") -> None:
    """Have it follow; goes with the service."""
    place = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{cluster}/{service}",
        "ScalableDimension": DIMENSION,
    }
    account.call(
        "application-autoscaling",
        "register_scalable_target",
        **place,
        MinCapacity=settings.replicas,
        MaxCapacity=settings.most_replicas,
    )
    wanted = {
        "TargetValue": settings.cpu_percent,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    }
    account.call(
        "application-autoscaling",
        "put_scaling_policy",
        **place,
        PolicyName=service,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=wanted,
    )
