"""What every platform's rule owes, found by listing the folder: a new rule is tested with no edit here."""

import ast
import math
import random
import re
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path

import pytest

from targets.rules import parse, rule, rule_names
from targets.rules.parameters import Numbers, Words
from tests.service_world import World

IMPURE = {"time", "datetime", "random", "os", "sys", "secrets", "threading", "asyncio", "subprocess", "socket"}
HOUR_S = 3600.0


def variants():
    """Each rule as it is, with each word of its parameters of words, and with replicas that it keeps."""
    for name in rule_names():
        yield pytest.param(rule(name)(), id=name)
        yield pytest.param(rule(name)().at_least(3), id=f"{name}-at-least-3")
        for one in fields(rule(name)):
            if isinstance(takes := one.metadata["takes"], Words):
                for word in takes.words[1:]:
                    yield pytest.param(rule(name)(**{one.name: word}), id=f"{name}-{word}")


every_rule = pytest.mark.parametrize("name", rule_names())
every_variant = pytest.mark.parametrize("made", list(variants()))


def ticks(made, seconds):
    return math.ceil(seconds / min(made.tick_s, HOUR_S))


def some_traffic(made, seed):
    """Hours of silence, trickle, plateau and burst, in a random order."""
    draw = random.Random(seed)
    loads = []
    for _ in range(8):
        level = draw.choice([0, 0, 0.02, 1, 7, 40, 300])
        loads += [max(0.0, level * draw.uniform(0.3, 1.7)) for _ in range(ticks(made, draw.uniform(30, 2400)))]
    return loads


def test_the_known_rules_are_listed_and_a_pool_is_none():
    known = {"fixed-replicas", "ecs-target-tracking", "hpa", "keda", "knative", "cloud-run"}
    assert known <= set(rule_names())
    assert "lambda-pool" not in rule_names()


@every_rule
def test_is_a_frozen_dataclass_with_defaults_a_name_and_a_dated_source(name):
    kind = rule(name)
    assert is_dataclass(kind)
    assert kind.name == name
    assert re.search(r"\b20\d\d-\d\d(-\d\d)?\b", kind.source)
    assert (kind.__doc__ or "").strip()
    with pytest.raises(FrozenInstanceError):
        setattr(kind(), fields(kind)[0].name, 1)


@every_rule
def test_reads_nothing_but_what_it_is_told(name):
    """No clock, no chance, no machine: of the standard library and of these rules only."""
    tree = ast.parse(Path(__import__(rule(name).__module__, fromlist=["RULE"]).__file__).read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {module.split(".")[0] for module in imported} & IMPURE
    assert all(module.startswith("targets.rules") for module in imported if module.startswith("targets"))


@every_rule
def test_its_defaults_are_what_their_text_reads_as(name):
    kind = rule(name)
    assert parse(name, {one.name: str(one.default) for one in fields(kind)}) == kind()
    assert parse(name.replace("-", "_"), {}) == kind()


@every_rule
@pytest.mark.parametrize("value", ["", "many", "nan", "-inf", "1e999", "-1", True], ids=str)
def test_all_wrong_parameters_are_told_at_once_with_field_value_and_what_is_accepted(name, value):
    names = [one.name for one in fields(rule(name))]
    with pytest.raises(ValueError, match="is not accepted: give") as refused:
        parse(name, dict.fromkeys(names, value))
    lines = str(refused.value).splitlines()
    assert [line.split(":")[0] for line in lines] == names
    assert all(f": {value} is not accepted: give " in line for line in lines)


@every_rule
def test_a_number_just_outside_is_refused_and_the_bound_is_not(name):
    for one in fields(rule(name)):
        takes = one.metadata["takes"]
        if isinstance(takes, Numbers):
            step = 1 if takes.whole else takes.most / 1e6
            assert takes.most in takes
            assert (takes.least in takes) is not takes.above
            assert takes.most + step not in takes
            assert takes.least - step not in takes


@every_variant
def test_begins_and_stays_within_its_bounds(made):
    least, most = made.least, math.inf if made.most is None else made.most
    assert 0 <= least <= made.first <= most
    for seed in range(4):
        wanted = World(made).all(some_traffic(made, seed))
        assert all(isinstance(number, int) for number in wanted)
        assert least <= min(wanted)
        assert max(wanted) <= most


@every_variant
def test_same_traffic_same_answers_also_beside_another(made):
    loads, other_loads = some_traffic(made, 1), some_traffic(made, 2)
    alone, first, second = World(made).all(loads), World(made), World(made)
    beside = []
    for load, other_load in zip(loads, other_loads * len(loads), strict=False):
        beside.append(first.see(load))
        second.see(other_load)
    assert beside == alone


@every_variant
@pytest.mark.parametrize("load", [1.0, 3.0, 7.0, 24.0], ids=str)
def test_settles_under_constant_load(made, load):
    wanted = World(made).all([load] * ticks(made, 3 * HOUR_S))
    assert len(set(wanted[-ticks(made, HOUR_S) :])) == 1
    assert wanted[-1] >= min(1, made.most or 1)


@every_variant
def test_an_idle_service_ends_at_its_least_and_nothing_else_reaches_zero(made):
    world = World(made)
    loads = [9.0] * ticks(made, HOUR_S) + [0.0] * ticks(made, 2 * HOUR_S)
    wanted = world.all(loads)
    assert wanted[-1] == made.least
    assert 0 not in wanted[ticks(made, 600) : ticks(made, HOUR_S)]
    assert world.scaler.rests


@every_variant
def test_what_is_passed_over_at_rest_changes_nothing(made):
    passed = 0
    for seed in range(6):
        loads = some_traffic(made, seed)
        world = World(made, passing_over=True)
        assert world.all(loads) == World(made).all(loads)
        passed += world.passed
    assert passed


@every_variant
def test_holds_at_most_as_many_at_once_for_a_replica_as_it_aims_at(made):
    """Of a load that needs three replicas, within the tolerance of a tenth that Kubernetes allows."""
    if made.at_once is None:
        return
    load = 3 * made.at_once
    wanted = World(made, slots=1000).all([load] * ticks(made, HOUR_S))
    assert load / wanted[-1] <= 1.1 * made.at_once


@every_variant
def test_keeps_as_many_as_are_asked_for(made):
    kept = made.at_least(made.least + 2)
    assert kept.least == made.least + 2
    assert kept.first >= kept.least
    assert min(World(kept).all(some_traffic(kept, 3))) >= kept.least
    with pytest.raises(ValueError, match="is not accepted: give a whole number"):
        made.at_least(-1)
