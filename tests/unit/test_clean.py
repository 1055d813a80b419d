"""What lies on a platform that several machines share: whose it is decides whether `clean` may take it."""

import pytest

from harness.clock import utc_now
from harness.measure import clean as cleaning
from targets.contract import Remnant
from targets.ownership import Owner

MINE = str(Owner.current())
DEAD = str(Owner(2**22 + 1, "1", Owner.current().boot))
ELSEWHERE = "4242/9999/another-boot"
NOW_S = utc_now().timestamp()


class Shared:
    """A target with things on a platform that others use as well."""

    def __init__(self, *remnants):
        self.there = list(remnants)

    def remnants(self):
        return list(self.there)

    def remove(self, remnant):
        self.there.remove(remnant)


@pytest.mark.parametrize(
    ("owner", "expires_s", "alive"),
    [
        (MINE, None, True),
        (DEAD, None, False),
        (ELSEWHERE, None, True),
        (ELSEWHERE, NOW_S + 3600, True),
        (ELSEWHERE, NOW_S - 3600, False),
        ("", None, False),
    ],
)
def test_what_another_machine_made_is_its_own_until_it_expires(monkeypatch, owner, expires_s, alive):
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
