"""Under which rule each side is forecast: what the experiment states, and what --set states instead."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from typing import Any, ClassVar

from harness.errors import RecordError, UsageError
from harness.files.problems import mapping, quote
from harness.record.nouns import Manifest
from harness.record.stated import economics_of
from targets import rules
from targets.rules.contract import Rule
from targets.rules.fixed_replicas import FixedReplicas
from targets.rules.lambda_pool import PoolLimits
from targets.rules.parameters import check, meant, read, real, whole

NS_PER_S = 1e9
RULE = "rule"
Settings = Mapping[str, str]


@dataclass(frozen=True)
class FunctionRule:
    """Lambda's pool with its limits in the units of an experiment."""

    name: ClassVar[str] = "lambda-pool"
    source: ClassVar[str] = (
        "AWS, Lambda quotas and scaling behavior, read 2026-08; keep-alive is what the experiment states, for AWS "
        "publishes none (5 to 7 minutes were observed: mikhail.io, 2021)"
    )

    keep_alive_s: float = real(300.0, 0.0)
    concurrency_limit: int = whole(1000, least=1)
    starts_per_10_s: int = whole(1000, least=1)
    provisioned: int = whole(0, least=0)

    def __post_init__(self) -> None:
        check(self)
        if self.provisioned > self.concurrency_limit:
            raise ValueError(f"provisioned: {self.provisioned} is more than concurrency_limit: raise that or lower it")

    @property
    def limits(self) -> PoolLimits:
        """As the pool has them."""
        keep_alive_ns = round(self.keep_alive_s * NS_PER_S)
        return PoolLimits(keep_alive_ns, self.concurrency_limit, self.starts_per_10_s, self.provisioned)


@dataclass(frozen=True)
class HybridRule:
    """Lambda's pool for the edge, and so many replicas of the core before which its requests queue."""

    name: ClassVar[str] = "lambda-pool, fixed-replicas"
    source: ClassVar[str] = f"{FunctionRule.source}; {FixedReplicas.source}"

    edge: FunctionRule
    core: FixedReplicas


PlatformRule = FunctionRule | HybridRule | Rule


def pool_of(rule: PlatformRule) -> FunctionRule | None:
    """The pool that requests meet first; None of a service."""
    if isinstance(rule, HybridRule):
        return rule.edge
    return rule if isinstance(rule, FunctionRule) else None


def replicas_of(rule: PlatformRule) -> Rule | None:
    """The rule of replicas, before which requests queue; None of a function."""
    if isinstance(rule, HybridRule):
        return rule.core
    return None if isinstance(rule, FunctionRule) else rule


FUNCTION_SETTINGS = tuple(f.name for f in fields(FunctionRule))


def stated_function(manifest: Manifest, target: str) -> dict[str, Any]:
    """A function's settings as the experiment states them, keep-alive in modelled seconds."""
    experiment = manifest.experiment
    own = mapping(mapping(experiment.get("settings")).get(target))
    stated = {**mapping(experiment.get("function")), **own}
    kept = {name: stated[name] for name in FUNCTION_SETTINGS if isinstance(stated.get(name), int | float | str)}
    return {**kept, "provisioned": economics_of(manifest).priced_as.provisioned_concurrency}


def function_rule(manifest: Manifest, target: str, settings: Settings) -> FunctionRule:
    """The pool's limits of one target. RecordError for what a manifest states and cannot be."""
    own = {name: value for name, value in settings.items() if name in FUNCTION_SETTINGS}
    stated = stated_function(manifest, target)
    if "concurrency_limit" in own and "provisioned" not in own:
        limit = read(FunctionRule, FunctionRule.name, {"concurrency_limit": own["concurrency_limit"]}).concurrency_limit
        stated["provisioned"] = min(stated["provisioned"], limit)
    try:
        rule: FunctionRule = read(FunctionRule, FunctionRule.name, {**stated, **own})
    except ValueError as error:
        raise RecordError(f"experiment: function: {error}") from None
    return rule


def service_rule(settings: Settings) -> Rule | None:
    """The replicas' rule that --set names; None where nothing is set, so that their number is to be found."""
    own = {name: value for name, value in settings.items() if name not in FUNCTION_SETTINGS}
    if not own:
        return None
    return rules.parse(own.pop(RULE, "fixed-replicas"), own)


def parameters_of(rule: PlatformRule) -> dict[str, Any]:
    """Each with its value; infinite ones are none."""
    if isinstance(rule, HybridRule):
        return parameters_of(rule.edge) | parameters_of(rule.core)
    values = asdict(rule)  # type: ignore[arg-type]
    return {name: None if isinstance(v, float) and math.isinf(v) else v for name, v in values.items()}


def parse_settings(pairs: list[str]) -> dict[str, str]:
    """NAME=VALUE as --set has them. UsageError with every problem: unknown, given twice, out of bounds."""
    problems, settings = list[str](), dict[str, str]()
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name or not value:
            problems.append(f"--set: {quote(pair)} is not accepted: write NAME=VALUE, e.g. keep_alive_s=900")
        elif name in settings:
            problems.append(f"--set: {quote(name)} is given twice: leave one out")
        else:
            settings[name] = value
    raise_for([*problems, *setting_problems(settings)])
    return settings


def setting_problems(settings: Settings) -> list[str]:
    """What is wrong with them, a line each."""
    name = settings.get(RULE, "fixed-replicas").replace("_", "-")
    if name not in rules.rule_names():
        return [f"--set rule: {quote(name)} is not accepted: {meant(name, rules.rule_names())}"]
    of_service = parameter_names(name)
    known = [*FUNCTION_SETTINGS, RULE, *of_service]
    problems = [
        f"--set: {quote(given)} is not accepted: {suggestion(given, known, name)}"
        for given in settings
        if given not in known
    ]
    kinds = ((FunctionRule, FUNCTION_SETTINGS), (rules.rule(name), of_service))
    for kind, names in kinds:
        own = {given: value for given, value in settings.items() if given in names}
        try:
            read(kind, name, own)
        except ValueError as error:
            problems += [f"--set {line}" for line in str(error).split("\n")]
    return problems


def parameter_names(rule: str) -> list[str]:
    """Of a service rule."""
    return [f.name for f in fields(rules.rule(rule))]  # type: ignore[arg-type]


def suggestion(given: str, known: list[str], rule: str) -> str:
    """The name that was likely meant, or those that there are."""
    if whose := [other for other in rules.rule_names() if given in parameter_names(other)]:
        return f"{given} is of {' and '.join(whose)}, and the rule is {rule}: leave it out, or set rule={whose[0]}"
    close = get_close_matches(given, known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    rest = ", ".join(known[len(FUNCTION_SETTINGS) + 1 :])
    return f"of a function give {', '.join(FUNCTION_SETTINGS)}; of a service rule, or of {rule} {rest}"


def raise_for(problems: list[str]) -> None:
    """UsageError where there is any."""
    if problems:
        raise UsageError(problems)
