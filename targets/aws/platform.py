"""AWS as a platform: how all of ours is found there by its tags, and removed in an order that can be."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from targets.aws import balancers, endpoints, functions, logs, network, policy, registry, roles, tasks
from targets.aws.account import Account, account, choose_region, chosen_region
from targets.aws.common import refusal
from targets.aws.examination import examine
from targets.aws.refusals import NotThere, Refused
from targets.aws.tags import remnant
from targets.contract import DeploymentError, Finding, Kind, Remnant

Listed = list[tuple[str, dict[str, str]]]


@dataclass(frozen=True)
class Sort:
    """One sort of thing: how those that are called as ours are listed with their tags, and how one is removed."""

    name: str
    list: Callable[[Account], Listed]
    remove: Callable[[Account, str], None]


SORTS = (
    Sort("function", functions.list_functions, functions.remove_function),
    Sort("cluster", tasks.list_clusters, tasks.remove_cluster),
    Sort("definition", tasks.list_definitions, tasks.remove_definition),
    Sort("balancer", balancers.list_balancers, balancers.remove_balancer),
    Sort("target-group", balancers.list_groups, balancers.remove_group),
    Sort("security-group", network.list_groups, network.remove_group),
    Sort("endpoint", endpoints.list_endpoints, endpoints.remove_endpoint),
    Sort("endpoint-config", endpoints.list_configs, endpoints.remove_config),
    Sort("model", endpoints.list_models, endpoints.remove_model),
    Sort("log", logs.list_groups, logs.remove_group),
    Sort("repository", registry.list_repositories, registry.remove_repository),
    Sort("role", roles.list_roles, roles.remove_role),
)
"""What stands before another is removed before it."""


class Aws:
    """One account and region: those that the environment means, or a region that is set."""

    stand_ins: Mapping[Kind, str] = {"function": "aws-lambda", "service": "aws-ecs"}

    def __init__(self) -> None:
        self._unseen: dict[str, str] = {}
        """Sorts that could not be listed, and why."""

    @property
    def region(self) -> str:
        """The region that counts before the environment's; "" is none."""
        return chosen_region()

    @region.setter
    def region(self, region: str) -> None:
        choose_region(region)

    def where(self) -> str:
        """Which account, region and server."""
        return account().where()

    def refusal(self) -> str | None:
        """Why it cannot be used from here, and the fix."""
        return refusal()

    def findings(self) -> Iterable[Finding]:
        """Whose account it is, and what may be done there."""
        return examine({sort.name: sort.list for sort in SORTS})

    def policy(self, names: Sequence[str] = ()) -> str:
        """An IAM policy for these of its targets, or for all."""
        return policy.policy(names)

    def remnants(self, run: str = "") -> Iterable[Remnant]:
        """Everything that carries our tag, of one run or of all. What is only called as ours are is left alone."""
        self._unseen.clear()
        for sort in SORTS:
            for name, tags in self._listed(sort):
                found = remnant(f"{sort.name} {name}", tags)
                if found is not None and run in ("", found.run):
                    yield found

    def unseen(self) -> Sequence[str]:
        """Sorts that could not be listed, and why."""
        return [f"{name} ({why})" for name, why in sorted(self._unseen.items())]

    def remove(self, remnant: Remnant) -> None:
        """Remove it; fine when it is gone."""
        sort, _, name = remnant.name.partition(" ")
        _sorts()[sort].remove(account(), name)

    def _listed(self, sort: Sort) -> Listed:
        """One service that is refused, or not there, hides none of the others. Raises what would be of all of them."""
        try:
            return sort.list(account())
        except (Refused, NotThere) as error:
            if isinstance(error, Refused) and error.is_of_login:
                raise
            self._unseen[sort.name] = str(error)
        return []


@cache
def _sorts() -> dict[str, Sort]:
    return {sort.name: sort for sort in SORTS}


PLATFORM = Aws()

__all__ = ["PLATFORM", "Aws", "DeploymentError"]
