"""What lies on a platform that several machines share: whose it is decides whether `clean` may take it."""

import pytest

from harness.clock import utc_now
from harness.measure import clean as cleaning
from targets.contract import Remnant
from targets.ownership import Owner

OWNERS = {
    "mine": str(Owner.current()),
    "dead": str(Owner(2**22 + 1, "1", Owner.current().boot)),
    "elsewhere": "4242/9999/another-boot",
    "nobody": "",
}


class Shared:
    """A target with things on a platform that others use as well."""

    def __init__(self, *remnants):
        self.there = list(remnants)

    def remnants(self):
        return list(self.there)

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
    target = Shared(Remnant("fn-1", "run-1", owner, expires_s))
    monkeypatch.setattr("targets.target", lambda name: target)
    (remains,) = cleaning._remnants("shared")
    assert remains.alive is alive
    assert (remains.name, remains.run) == ("shared fn-1", "run-1")
    assert cleaning._remove(remains)
    assert target.there == []


def test_a_platform_that_is_out_of_reach_ends_no_run(monkeypatch):
    class Away(Shared):
        capabilities = cleaning.targets.target("process-service").capabilities

        def remnants(self):
            raise ConnectionError("no route")

    monkeypatch.setattr("targets.target", lambda name: Away())
    monkeypatch.setattr(cleaning, "marked_processes", lambda: iter(()))
    cleaning.sweep("run-1", ["shared"], cut_off=False)
