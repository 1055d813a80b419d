"""Senders that carry their requests out themselves: each call in a thread, none in two, and what becomes of its end."""

import errno
import threading
from contextlib import contextmanager

import gevent
import pytest

from harness.load import hands as module
from harness.load import route as routes
from harness.load.client import Client
from harness.load.failed import RequestFailed, TimedOut, TooLong
from harness.load.hands import Hands
from harness.load.parser import Exchange
from harness.load.replies import Body
from harness.load.route import Route
from harness.load.senders import SenderFailed
from harness.load.senders.contract import Caller, Response
from harness.load.wire import UNSEEN, Fate, LoadPlan, fate_of
from targets.contract import Endpoint

ENDPOINT = Endpoint("http://127.0.0.1:1/", sender="toy", request_id_header="X-Id", kept_header="X-Kept")
FIT = 20


class Toy:
    """Each call waits for the gate, then does what its body says."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.made, self.ran, self.left = [], [], []

    def problems(self, endpoint):
        return []

    @contextmanager
    def calls(self, endpoint, bodies, timeout_s):
        self.made.append((threading.get_ident(), timeout_s))
        yield [lambda body=body: self.carry_out(body) for body in bodies]
        self.left.append(threading.get_ident())

    def carry_out(self, body):
        self.ran.append(threading.get_ident())
        assert self.gate.wait(FIT)
        if isinstance(body, BaseException):
            raise body
        headers = {"x-id": "7", "x-kept": "k", "content-type": "text/event-stream", "location": "/else"}
        return Response(207, headers, body)


@pytest.fixture
def toy():
    return Toy()


@pytest.fixture
def hands_of(toy):
    made = []

    def make(*bodies, keep=True):
        assert isinstance(toy, Caller)
        made.append(Hands(Route(ENDPOINT, list(bodies), [], [], None, keep, toy), 3.0))
        return made[-1]

    yield make
    toy.gate.set()
    for hands in made:
        hands.close()


def ask(hands, position=0):
    exchange = Exchange()
    hands.ask(position, exchange)
    return exchange


def until(condition):
    for _ in range(FIT * 1000):
        if condition():
            return
        gevent.sleep(0.001)
    raise AssertionError("it never came")


def test_calls_are_made_before_in_the_thread_that_makes_them(toy, hands_of):
    hands = hands_of(b"a", b"b")
    assert [limit for _, limit in toy.made] == [3.0]
    hands.make_ready(3)
    assert len({thread for thread, _ in toy.made}) == 3
    seen = [ask(hands, position).take_body().pieces for position in (0, 1, 1)]
    assert seen == [[b"a"], [b"b"], [b"b"]]
    assert len(set(toy.ran)) == 1 and toy.ran[0] in {thread for thread, _ in toy.made}
    assert threading.get_ident() not in toy.ran
    hands.close()
    assert sorted(toy.left) == sorted(thread for thread, _ in toy.made), "each leaves what it entered"


def test_what_came_is_what_a_connection_would_have_read(hands_of):
    exchange = ask(hands_of(b"abc"))
    assert (exchange.status, exchange.size, exchange.take_body().pieces) == (207, 3, [b"abc"])
    assert (exchange.header_value, exchange.request_id, exchange.location) == (b"k", b"7", b"/else")
    assert exchange.streamed and not exchange.first_byte_ns and exchange.fresh == UNSEEN
    assert 0 < exchange.sent_ns <= exchange.done_ns
    assert ask(hands_of(b"abc", keep=False)).take_body().size == Body().size == 0


def test_calls_do_not_wait_for_one_another_and_the_hub_for_none(toy, hands_of):
    toy.gate.clear()
    hands = hands_of(b"a")
    asking = [gevent.spawn(ask, hands) for _ in range(5)]
    until(lambda: len(toy.ran) == 5)
    assert not any(each.ready() for each in asking)
    toy.gate.set()
    assert [each.get(timeout=FIT).status for each in asking] == [207] * 5
    assert len(set(toy.ran)) == 5 == len(toy.made)


def test_a_thread_whose_request_timed_out_is_used_again_when_its_call_has_ended(toy, hands_of):
    toy.gate.clear()
    hands = hands_of(b"a")
    asking = gevent.spawn(ask, hands)
    until(lambda: len(toy.ran) == 1)
    asking.kill(TimedOut)
    assert isinstance(asking.exception, TimedOut)
    second = gevent.spawn(ask, hands)
    until(lambda: len(toy.ran) == 2)
    assert len(set(toy.ran)) == 2, "the first is still busy"
    toy.gate.set()
    second.get(timeout=FIT)
    until(lambda: len(hands._idle) == 2)
    ask(hands)
    assert len(toy.made) == 2


@pytest.mark.parametrize(
    "error", [TimedOut(), RequestFailed("no"), OSError(errno.EMFILE, "none"), KeyError("x"), SystemExit(1)]
)
def test_what_a_call_raises_is_the_requests_end(capfd, hands_of, error):
    with pytest.raises(type(error)) as raised:
        ask(hands_of(error))
    assert raised.value is error
    assert capfd.readouterr().err == "", "nobody prints what is told"


def test_a_reply_that_is_too_long_to_be_kept_is_ours_to_answer_for(monkeypatch, hands_of):
    monkeypatch.setattr("harness.load.responses.MOST_KEPT", 2)
    with pytest.raises(TooLong):
        ask(hands_of(b"abc"))
    assert ask(hands_of(b"abc", keep=False)).size == 3


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(1)])
def test_calls_that_cannot_be_made_are_told_before_the_start(toy, hands_of, error):
    def calls(*_):
        raise error

    toy.calls = calls
    with pytest.raises(SenderFailed, match=f"^sender: toy raised {type(error).__name__}: "):
        hands_of(b"a")


def test_there_are_only_so_many_threads(monkeypatch, toy, hands_of):
    monkeypatch.setattr(module, "MOST_HANDS", 2)
    toy.gate.clear()
    hands = hands_of(b"a")
    for _ in range(2):
        gevent.spawn(ask, hands)
    until(lambda: len(toy.ran) == 2)
    with pytest.raises(OSError, match="no thread is free") as raised:
        ask(hands)
    assert fate_of(raised.value) == Fate.EXHAUSTED


def test_no_more_requests_are_in_flight_than_there_can_be_threads(monkeypatch, toy):
    monkeypatch.setattr(routes, "sender_of", lambda endpoint: toy)
    monkeypatch.setattr(routes, "endpoint_problems", lambda endpoint: [])
    client = Client(LoadPlan("", [ENDPOINT], "", 1.0, prewarm=4), [b"a"])
    client.prewarm()
    assert client.cap == module.MOST_HANDS
    assert (len(toy.made), client.opened, client.prewarmed) == (4, [None], 0)
    client.close()
    monkeypatch.undo()
    client = Client(LoadPlan("", [Endpoint("http://127.0.0.1:1/")], "", 1.0, cap=5000), [b"a"])
    assert client.cap == 5000
    client.close()
