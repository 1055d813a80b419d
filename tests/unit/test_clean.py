"""What lies on a platform that several machines share: whose it is decides whether `clean` may take it."""

import pytest

from harness.clock import utc_now
from harness.errors import MissingError
from harness.measure import clean as cleaning
from targets.contract import DeploymentError, Remnant
from targets.ownership import Owner

OWNERS = {
    "mine": str(Owner.current()),
    "dead": str(Owner(2**22 + 1, "1", Owner.current().boot)),
    "elsewhere": "4242/9999/another-boot",
    "nobody": "",
}


class Shared:
    """A platform that others use as well."""

    region = ""

    def __init__(self, *remnants):
        self.there = list(remnants)

    def where(self):
        return "there"

    def remnants(self, run=""):
        return [each for each in self.there if run in ("", each.run)]

    def unseen(self):
        return []

    def remove(self, remnant):
        self.there.remove(remnant)


@pytest.mark.parametrize(
    ("whose", "left_s", "alive"),
    [
        ("mine", None, True),
        ("dead", None, False),
        ("elsewhere", None, False),
        ("elsewhere", 3600, True),
        ("elsewhere", -3600, False),
        ("nobody", None, False),
    ],
)
def test_what_another_machine_made_is_its_own_until_it_expires(monkeypatch, whose, left_s, alive):
    owner, expires_s = OWNERS[whose], None if left_s is None else utc_now().timestamp() + left_s
    platform = Shared(Remnant("fn-1", "run-1", owner, expires_s))
    monkeypatch.setattr("targets.platform", lambda name: platform)
    (remains,) = cleaning._remnants("shared")
    assert remains.alive is alive
    assert (remains.name, remains.run) == ("shared fn-1", "run-1")
    assert cleaning._remove(remains)
    assert platform.there == []


class Away(Shared):
    def remnants(self, run=""):
        raise ConnectionError("no route")


class Hidden(Shared):
    def unseen(self):
        return ["cluster (the permission to list is missing)"]


class Abroad(Away):
    region = "far-1"


HIDDEN = "nothing of run run-1 was found; not looked at: cluster (the permission to list is missing); remove it with"


class Stubborn(Shared):
    def remove(self, remnant):
        raise DeploymentError("it is in use")


@pytest.mark.parametrize(
    ("platform", "told"),
    [
        (Away(), "shared: what is left of run run-1 is not known (no route): remove it with `frostline clean --on"),
        (Stubborn(Remnant("fn-1", "run-1", "")), "still there: shared fn-1; shared fn-1 could not be removed (it is"),
        (Hidden(Remnant("fn-1", "run-1", "")), HIDDEN),
        (Shared(Remnant("fn-1", "run-1", ""), Remnant("fn-2", "run-2", "")), "shared: there: nothing of run run-1 is"),
        (Abroad(), "remove it with `frostline clean --on shared --region far-1`"),
    ],
)
def test_whatever_a_platform_does_ends_no_run_and_is_said(monkeypatch, platform, told):
    monkeypatch.setattr("targets.platform", lambda name: platform)
    monkeypatch.setattr("targets.platform_of", lambda name: "shared")
    monkeypatch.setattr(cleaning, "marked_processes", lambda: iter(()))
    before = set(platform.there)
    (line,) = cleaning.sweep("run-1", ["process-service"], cut_off=False)
    assert told in line
    assert "run-2" not in {each.run for each in before - set(platform.there)}, "another run's is left alone"


def test_a_platform_is_cleaned_of_what_nobody_lives_for_and_dry_it_is_only_said(monkeypatch):
    held = [Remnant("dead", "run-1", OWNERS["dead"]), Remnant("mine", "run-2", OWNERS["mine"])]
    platform = Shared(*held)
    platform.refusal = lambda: None
    monkeypatch.setattr("targets.platform", lambda name: platform)
    dry = cleaning.clean_platform("shared", everything=False, dry_run=True)
    assert [item.name for item in dry.removed] == ["shared dead"] and platform.there == held
    done = cleaning.clean_platform("shared", everything=False, dry_run=False)
    assert [item.name for item in done.removed] == ["shared dead"] and platform.there == held[1:]
    assert [item.name for item in done.spared] == ["shared mine"]
    assert done.notices == ["there: still there: shared mine"]
    platform.refusal = lambda: "no credentials: give some"
    with pytest.raises(MissingError, match="shared: no credentials"):
        cleaning.clean_platform("shared", everything=False, dry_run=True)


def test_a_platform_is_cleaned_where_is_said_and_otherwise_where_the_environment_says(monkeypatch):
    platform = Shared()
    platform.refusal = lambda: None
    monkeypatch.setattr("targets.platform", lambda name: platform)
    for region in ("far-1", ""):
        cleaning.clean_platform("shared", everything=False, dry_run=True, region=region)
        assert platform.region == region


def test_what_could_not_be_looked_at_is_said(monkeypatch):
    platform = Hidden()
    platform.refusal = lambda: None
    monkeypatch.setattr("targets.platform", lambda name: platform)
    told = [cleaning.clean_platform("shared", everything=False, dry_run=dry).notices for dry in (False, True)]
    assert [line.partition("; ")[0] for (line,) in told] == [
        "there: nothing that Frostline made was found",
        "there: nothing was removed",
    ]
    assert all("; not looked at: cluster (" in line for (line,) in told)


class Expired(Shared):
    def remnants(self, run=""):
        raise DeploymentError("expired: log in")


def test_a_platform_of_which_nothing_can_be_looked_at_is_missing(monkeypatch):
    platform = Expired()
    platform.refusal = lambda: None
    monkeypatch.setattr("targets.platform", lambda name: platform)
    with pytest.raises(MissingError, match="shared: expired: log in"):
        cleaning.clean_platform("shared", everything=False, dry_run=True)
