"""How a load reads on a terminal: counts first, reasons with their number, withheld figures with what they need."""

import pytest

from harness.commands.load.screen import lines_of
from harness.load.wire import Fate
from tests.unit.test_load_answers import arrival, told_of


def screen(*arrivals, **fields):
    return list(lines_of(told_of(*arrivals, **fields)))


def test_all_good_says_nothing_of_reasons():
    lines = screen(*(arrival(n) for n in range(100)))
    assert lines[0] == "100 scheduled, 100 good, 0 failed, 0 timed out, 0 shed, 0 unfinished"
    assert lines[1] == "replies: 100 x 200; 2 bytes each"
    assert not any("no good answer" in line or line.startswith("FAILED") for line in lines)


def test_some_failed_is_told_with_every_reason_and_its_number():
    lines = screen(*(arrival(n, status) for n, status in enumerate([200, 503, 429, 401] * 5)))
    assert lines[0].startswith("20 scheduled, 5 good, 15 failed (5 of them throttled: status 429), ")
    assert lines[1].startswith("replies: 5 x 200, 5 x 401, 5 x 429, 5 x 503; ")
    at = next(number for number, line in enumerate(lines) if line.startswith("15 of 20 requests had no good answer: "))
    assert lines[at + 1 : at + 4] == [
        "5 x status 503 Service Unavailable",
        "5 x status 429 Too Many Requests",
        "5 x status 401 Unauthorized",
    ]


def test_of_many_reasons_the_first_are_shown_and_the_number_of_the_others():
    lines = screen(*(arrival(n, body=b"", fate=Fate.FAILED, error=f"kind {n:02}") for n in range(12)), arrival(12))
    assert [line for line in lines if line.startswith("1 x kind ")] == [f"1 x kind {n:02}" for n in range(8)]
    assert "and 4 more reasons: see --format json" in lines


def test_figures_of_five_requests_are_withheld_with_the_number_that_they_need():
    lines = screen(*(arrival(n) for n in range(5)))
    (latency,) = [line for line in lines if line.startswith("latency from scheduled")]
    assert not any(letter in latency.partition("(ms)")[2].replace("p50", "").replace("p95", "") for letter in "1234678")
    (withheld,) = [line for line in lines if line.startswith("withheld of ")]
    for need in ("p50 needs 6 requests, has 5", "p95 needs 72 requests, has 5", "p99 needs 368", "max needs 6"):
        assert need in withheld


def test_a_burst_and_requests_that_were_sent_once_more_are_told():
    told = told_of(*(arrival(n) for n in range(6)))
    lines = list(lines_of(told | {"resent": 2, "burst": {"requests": 300, "sent_within_ms": 29.9}, "notes": ["odd"]}))
    assert any(line.startswith("2 requests sent once more: ") for line in lines)
    assert any(line.startswith("a burst: 300 requests are due at one moment: sent one after the ") for line in lines)
    assert "note: odd" in lines


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\u202e", "\n"], ids=["escape", "bidi", "newline"])
def test_nothing_that_a_server_says_moves_the_terminal(hostile):
    shown = screen(arrival(0, 500, f"bad{hostile}news".encode()), expect_json=("a",))
    assert any("bad" in line and "news" in line for line in shown)
    assert not any(hostile in line for line in shown)
    shown = screen(arrival(0, header=f"bad{hostile}".encode("latin-1", "replace")))
    assert not any(hostile in line for line in shown)
