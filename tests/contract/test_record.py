"""The reading half imports no targets, so what it knows of them is held against their contract here."""

from dataclasses import fields

import pytest

import targets
from harness.measure.run import _target_facts
from harness.record.phases import RESERVED
from harness.record.target_facts import CapabilityFacts, TargetFacts
from targets.contract import Capabilities
from targets.workloads.contract import RESERVED_PHASES


def test_the_phases_that_others_than_the_workload_tell_are_the_same():
    assert RESERVED == RESERVED_PHASES


def test_every_capability_has_its_place_in_the_manifest():
    assert {field.name for field in fields(Capabilities)} == set(CapabilityFacts.__annotations__)


@pytest.mark.parametrize("name", targets.target_names())
def test_what_a_target_says_of_itself_comes_back_as_it_was_said(name):
    target, facts = targets.target(name), _target_facts(name)
    again = TargetFacts.model_validate_json(facts.model_dump_json())
    assert again == facts
    assert again.capabilities == target.capabilities.facts()
    assert [(part.name, part.kind, part.bought_as) for part in again.parts] == [
        (part.name, part.kind, part.bought_as) for part in target.parts
    ]
