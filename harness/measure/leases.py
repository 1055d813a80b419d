"""How long a deployment lasts: one trial, or a whole run where a target says that deploying takes long."""

import json
from dataclasses import asdict

from harness.measure.visit import Visit
from targets.contract import Deployment, DeploymentError

SETTLE_S = 90.0
"""How long a platform's own logs are waited for after a trial."""


class Leases:
    """The deployments of one run that outlast a trial; those of all other targets are made and removed with each."""

    def __init__(self) -> None:
        self._kept: dict[str, Deployment] = {}

    def take(self, visit: Visit) -> Deployment:
        """A deployment as if it were new. Raises StartFailed or another DeploymentError."""
        key = _key(visit)
        kept = self._kept.pop(key, None)
        if kept is None:
            return visit.target.deploy(visit.package, visit.order())
        try:
            kept.reset(visit.witness)
        except BaseException:  # what cannot be brought back is no use to the next trial either
            kept.destroy()
            raise
        return kept

    def give_back(self, visit: Visit, deployment: Deployment) -> list[str]:
        """Remove it, or keep it for the next trial; returns what could not be removed."""
        if visit.target.capabilities.deploys == "per_run":
            self._kept[_key(visit)] = deployment
            return []
        return _destroy(deployment)

    def close(self) -> list[str]:
        """Remove all that was kept; returns what could not be removed."""
        kept, self._kept = list(self._kept.values()), {}
        return [problem for deployment in kept for problem in _destroy(deployment)]


def _destroy(deployment: Deployment) -> list[str]:
    """What cannot be removed, the run's sweep, or `clean`, finds again."""
    try:
        deployment.destroy()
    except DeploymentError as error:
        return [f"the deployment could not be removed: {error}"]
    return []


def _key(visit: Visit) -> str:
    """Trials that share a deployment were ordered alike; their ledgers may differ."""
    order = asdict(visit.order()) | {"ledger": None}
    return json.dumps([visit.trial.workload.key, visit.trial.target, order], default=str, sort_keys=True)
