"""How long a deployment lasts: one trial, or a whole run where a target says that deploying takes long."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace

from harness.measure.visit import Visit
from targets.contract import Deployment, Metered, Witnessed
from targets.events import Event

SETTLE_S = 90.0
"""How long a platform's own logs are waited for after a trial."""


@dataclass(frozen=True)
class Lease:
    """A deployment for one trial; what its log said before belongs to earlier ones."""

    deployment: Deployment
    earlier_events: int = 0
    earlier_requests: frozenset[str] = frozenset()
    """Ids of those that it had told of before."""

    def events(self) -> list[Event]:
        """What its log says of this trial so far."""
        return self.deployment.events()[self.earlier_events :]

    def new_words(self, witnesses: Iterable[Witnessed], beforehand: frozenset[str] = frozenset()) -> list[Witnessed]:
        """Those of them that are of no request of an earlier trial, nor of one that came before this one's first."""
        earlier = self.earlier_requests | beforehand
        return [witness for witness in witnesses if witness.request_id not in earlier]


class Leases:
    """The deployments of one run that outlast a trial; those of all other targets are made and removed with each."""

    def __init__(self) -> None:
        self._kept: dict[str, Deployment] = {}

    def take(self, visit: Visit, counted: Callable[[Metered], object] | None = None) -> Lease:
        """A deployment as if it were new. Raises StartFailed or another DeploymentError.

        `counted` is told of one that is metered as soon as it consumes anything."""
        key = _key(visit)
        kept = self._kept.pop(key, None)
        if kept is None:
            return Lease(visit.target.deploy(visit.package, replace(visit.order(), counted=counted)))
        try:
            earlier = len(kept.events())
            kept.reset(visit.witness)
            told = frozenset(word.request_id for word in kept.witnesses() if word.request_id)
        except BaseException:  # what cannot be brought back is no use to the next trial either
            _destroy(kept)
            raise
        return Lease(kept, earlier, told)

    def give_back(self, visit: Visit, lease: Lease) -> list[str]:
        """Remove it, or keep it for the next trial; returns what could not be removed."""
        if visit.target.capabilities.deploys == "per_run":
            self._kept[_key(visit)] = lease.deployment
            return []
        return _destroy(lease.deployment)

    def close(self) -> list[str]:
        """Remove all that was kept; returns what could not be removed."""
        kept, self._kept = list(self._kept.values()), {}
        return [problem for deployment in kept for problem in _destroy(deployment)]


def _destroy(deployment: Deployment) -> list[str]:
    """What cannot be removed, the run's sweep, or `clean`, finds again."""
    try:
        deployment.destroy()
    except Exception as error:  # a service far away fails in ways of its own
        return [f"the deployment could not be removed: {type(error).__name__}: {error}"]
    return []


def _key(visit: Visit) -> str:
    """Trials that share a deployment were ordered alike; their ledgers may differ."""
    order = asdict(visit.order()) | {"ledger": None, "counted": None}
    return json.dumps([visit.trial.workload.key, visit.trial.target, order], default=str, sort_keys=True)
