"""A benchmark's exit code: a bound that fails says something only on a machine that was free."""

import pytest

from tests.benchmarks import calm


@pytest.mark.parametrize(
    ("found", "busy", "code", "runs"),
    [
        ([[]], [False], 0, 1),
        ([[]], [True], 0, 1),
        ([["slow"]], [False], 1, 1),
        ([["slow"], []], [True, False], 0, 2),
        ([["slow"], ["slow"]], [True, False], 1, 2),
        ([["slow"]] * 3, [True] * 3, 4, 3),
    ],
)
def test_only_a_bound_that_fails_on_a_free_machine_fails(monkeypatch, capsys, found, busy, code, runs):
    tried = []
    monkeypatch.setattr(calm, "busy_share", lambda: 0.0)
    monkeypatch.setattr(calm, "disturbances", lambda *_: ["others"] if busy[len(tried) - 1] else [])

    def measure():
        tried.append(1)
        return found[len(tried) - 1]

    assert calm.settled(measure) == code and len(tried) == runs
    assert ("nothing is said" in capsys.readouterr().out) is (code == 4)


def test_what_disturbed_is_named(monkeypatch):
    monkeypatch.setattr(calm, "busy_share", lambda: 0.4)
    monkeypatch.setattr(calm, "cpu_times", lambda: (200, 50, 20))
    assert calm.disturbances(0.05, (100, 0, 0)) == [
        "40 % of it was used by others afterwards",
        "20 % of its time was stolen",
    ]
    assert len(calm.disturbances(0.2, (100, 0, 20))) == 2
