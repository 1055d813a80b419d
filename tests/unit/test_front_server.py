"""The Invoke API over a real loopback socket, in front of a pool that does as it is told."""

import asyncio
import base64
import json
import threading
import uuid

import boto3
import pytest
from botocore.config import Config

from targets.contract import LAMBDA_REQUEST_BYTES, TIMELINE_HEADER
from targets.lambda_front import backlog
from targets.lambda_front.invoke import Front
from targets.lambda_front.log_tail import Report
from targets.lambda_front.pool import Throttled
from targets.lambda_front.sandbox import Reply, SandboxDied
from targets.lambda_front.server import MAX_HEAD_BYTES, Connection
from targets.serving.quota import MAX_REPLY_BYTES

INVOKE = "/2015-03-31/functions/echo/invocations"
LIMIT_S = 20


class ScriptedPool:
    """Answers with the request's body, unless that is the name of something that goes wrong."""

    def __init__(self):
        self.asked = []
        self.size = 4
        self.gate = None
        self.reply = self.report = None

    async def invoke(self, body, passage):
        self.asked.append(body)
        if passage.wants_log:
            passage.report = self.report
        if self.reply is not None:
            return self.reply
        passage.facts.update(unit="0001", unit_request=len(self.asked))
        if self.gate is not None and body == b'"slow"':
            await self.gate.wait()
        if body == b'"throttle"':
            raise Throttled("all 2 sandboxes are busy")
        if body == b'"die"':
            raise SandboxDied("it ended")
        if body == b'"fault"':
            raise ZeroDivisionError("a fault\r\nof ours")
        if body == b'"error"':
            return Reply(b'{"errorType": "ValueError"}', "Unhandled")
        return Reply(body)

    generation = "first"

    async def drop_all(self):
        return 3

    async def stand_by(self, idle_s, first_s, body):
        if len(idle_s) > 3:
            raise ValueError("4 sandboxes cannot stand by")
        self.asked.append((idle_s, first_s, body))
        return len(idle_s)


class Answer:
    """One reply: its first line and headers, and a body as long as they say."""

    def __init__(self, head, body):
        first, *lines = head.decode().split("\r\n")[:-2]
        self.status = int(first.split(" ", 2)[1])
        self.headers = dict(line.split(": ", 1) for line in lines)
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """Raw bytes there, replies back."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def send(self, data, pieces=1):
        size = max(1, len(data) // pieces)
        for at in range(0, len(data), size):
            self.writer.write(data[at : at + size])
            await self.writer.drain()
            if pieces > 1:
                await asyncio.sleep(0)

    async def receive(self):
        answer = Answer(await self.reader.readuntil(b"\r\n\r\n"), b"")
        answer.body = await self.reader.readexactly(int(answer.headers.get("content-length", 0)))
        return answer

    async def ask(self, *args, **options):
        await self.send(request(*args, **options))
        return await self.receive()

    async def closed(self):
        return await self.reader.read() == b""


def beginning(body):
    return repr(body[:12])


def request(method="POST", path=INVOKE, body=b'{"text": "frost"}', **headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
def play():
    """Run a scene with a pool and a function that connects to its front."""

    def run(scene):
        async def whole():
            pool = ScriptedPool()
            server = await asyncio.get_running_loop().create_server(
                lambda: Connection(Front(pool, "echo", 1769)), "127.0.0.1", 0
            )
            writers = []

            async def connect():
                reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                writers.append(writer)
                return Client(reader, writer)

            async with asyncio.timeout(LIMIT_S):
                await scene(pool, connect)
            for writer in writers:
                writer.close()
            server.close()
            for _ in range(50):  # until both sides of each connection have seen its end
                await asyncio.sleep(0)

        asyncio.run(whole())

    return run


def test_an_invocation_is_answered_with_its_timeline(play):
    async def scene(pool, connect):
        client = await connect()
        answer = await client.ask()
        assert (answer.status, answer.body) == (200, b'{"text": "frost"}')
        assert answer.headers["x-amz-executed-version"] == "$LATEST"
        assert "x-amz-function-error" not in answer.headers
        timeline = json.loads(answer.headers[TIMELINE_HEADER])
        assert (timeline["unit"], timeline["unit_request"]) == ("0001", 1)
        assert timeline["received_ns"] > 0

    play(scene)


@pytest.mark.parametrize(
    "path",
    [
        INVOKE,
        INVOKE + "?Qualifier=%24LATEST",
        INVOKE + "?Qualifier=$LATEST&x=1",
        INVOKE + "?Qualifier=",
        "http://127.0.0.1:9000" + INVOKE,
        "/2015-03-31/functions/echo:$LATEST/invocations",
        "/2015-03-31/functions/echo%3A%24LATEST/invocations?Qualifier=$LATEST",
        "/2015-03-31/functions/function:echo/invocations",
        "/2015-03-31/functions/123456789012:function:echo/invocations",
        "/2015-03-31/functions/us-east-1:123456789012:function:echo:$LATEST/invocations",
        "/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:echo/invocations",
        "/2015-03-31/functions/arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:echo/invocations",
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aecho%3A%24LATEST/invocations",
    ],
)
def test_a_function_has_many_names(play, path):
    async def scene(pool, connect):
        client = await connect()
        assert (await client.ask(path=path)).status == 200

    play(scene)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (INVOKE + "?Qualifier=PROD", "us-east-1:000000000000:function:echo:PROD"),
        ("/2015-03-31/functions/echo:7/invocations", "us-east-1:000000000000:function:echo:7"),
        ("/2015-03-31/functions/echo:$LATEST.PUBLISHED/invocations", "function:echo:$LATEST.PUBLISHED"),
        ("/2015-03-31/functions/arn:aws:lambda:eu-west-3:123456789012:function:echo:7/invocations", "eu-west-3:1234"),
        ("/2015-03-31/functions/other/invocations", "function:other"),
        ("/2015-03-31/functions/123456789012:function:other/invocations", "123456789012:function:other"),
    ],
    ids=["alias in the query", "version", "published", "arn with a version", "name", "partial arn"],
)
def test_what_does_not_exist_is_not_found(play, path, found):
    async def scene(pool, connect):
        answer = await (await connect()).ask(path=path)
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (404, "ResourceNotFoundException")
        assert (
            answer.json["Message"].startswith("Function not found: arn:aws:lambda:") and found in answer.json["Message"]
        )
        assert pool.asked == []

    play(scene)


@pytest.mark.parametrize(
    ("path", "headers", "said"),
    [
        ("/2015-03-31/functions/a%20b/invocations", {}, "functionName"),
        ("/2015-03-31/functions/" + "a" * 65 + "/invocations", {}, "functionName"),
        ("/2015-03-31/functions/echo:PROD/invocations?Qualifier=TEST", {}, "derived qualifier"),
        (INVOKE + "?Qualifier=a%20b", {}, "qualifier"),
        (INVOKE, {"X_Amz_Invocation_Type": "Sync"}, "invocationType"),
        (INVOKE, {"X_Amz_Log_Type": "Head"}, "logType"),
        (INVOKE, {"X_Amz_Client_Context": "e30=" * 1000}, "clientContext"),
        (INVOKE, {"X_Amz_Tenant_Id": "a"}, "TenantId"),
    ],
    ids=["characters", "length", "conflict", "qualifier", "type", "log", "context", "tenant"],
)
def test_a_parameter_that_is_none_is_refused(play, path, headers, said):
    async def scene(pool, connect):
        answer = await (await connect()).ask(path=path, **headers)
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "InvalidParameterValueException")
        assert said in answer.json["message"] and answer.json["Type"] == "User"
        assert pool.asked == []

    play(scene)


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b"{",
        b'{"a": 1} x',
        b"{'a': 1}",
        b'{"a": NaN}',
        b"-Infinity",
        b'{"a": 1,}',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        b"  ",
        b"\x00",
        b'"a\nb"',
        b"01",
        b"[" * 100_000,
        b"[" + b"1" * 5000 + b", NaN]",
    ],
    ids=beginning,
)
def test_a_payload_that_is_no_json_is_refused_before_a_sandbox_is_asked(play, body):
    async def scene(pool, connect):
        client = await connect()
        answer = await client.ask(body=body)
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "InvalidRequestContentException")
        assert answer.json["message"].startswith("Could not parse request body into json: ")
        assert (await client.ask(body=body, X_Amz_Invocation_Type="Event")).status == 400
        assert pool.asked == []
        assert (await client.ask()).status == 200

    play(scene)


@pytest.mark.parametrize(
    "body", [b"null", b"0", b' [1e5, "\\ud800"]\n', b'"\xc3\xa9"', b"1" * 5000, b'{"a": {"a": []}}'], ids=str
)
def test_any_json_is_a_payload(play, body):
    async def scene(pool, connect):
        assert (await (await connect()).ask(body=body)).body == body

    play(scene)


def test_a_reply_has_a_limit(play):
    async def scene(pool, connect):
        client = await connect()
        pool.reply = Reply(b"x" * MAX_REPLY_BYTES)
        assert len((await client.ask()).body) == MAX_REPLY_BYTES
        pool.reply = Reply(b"x" * (MAX_REPLY_BYTES + 1))
        answer = await client.ask()
        assert (answer.status, answer.headers["x-amz-function-error"]) == (200, "Unhandled")
        assert answer.json == {
            "errorType": "Function.ResponseSizeTooLarge",
            "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        }

    play(scene)


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", INVOKE, "UnknownOperationException"),
        ("GET", "/", "UnknownOperationException"),
        ("POST", "/2015-03-31/functions/echo", "UnknownOperationException"),
        ("GET", "/frostline/drop", "UnknownOperationException"),
        ("DELETE", "/2015-03-31/functions/echo/invocations/more", "UnknownOperationException"),
    ],
)
def test_what_is_not_there_is_named_as_aws_names_it(play, method, path, kind):
    async def scene(pool, connect):
        client = await connect()
        answer = await client.ask(method, path, b"")
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (404, kind)
        assert set(answer.json) == {"Type", "message"}
        assert pool.asked == []

    play(scene)


def test_the_fronts_own_routes(play):
    async def scene(pool, connect):
        client = await connect()
        assert (await client.ask("POST", "/frostline/drop", b"")).json == {"removed": 3}
        assert pool.generation == "first"
        assert (await client.ask("POST", "/frostline/drop?generation=next", b"")).json == {"removed": 3}
        assert pool.generation == "next"
        assert (await client.ask("GET", "/frostline/pool", b"")).json == {"size": 4}

    play(scene)


def test_sandboxes_stand_by_when_the_front_is_told_so(play):
    async def scene(pool, connect):
        client = await connect()
        told = await client.ask("POST", "/frostline/stand-by?idle_s=-0.5,12&first_s=0.25", b'"x"')
        assert told.json == {"standing": 2}
        assert (await client.ask("POST", "/frostline/stand-by?idle_s=", b"")).json == {"standing": 0}
        assert pool.asked == [([-0.5, 12.0], 0.25, b'"x"'), ([], 0.0, b"")]

    play(scene)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("idle_s=nan", "nan is no number of seconds"),
        ("idle_s=1,-inf", "-inf is no number of seconds"),
        ("idle_s=1&first_s=-1", "-1 is no number of seconds from 0 on"),
        ("idle_s=1&first_s=inf", "inf is no number of seconds from 0 on"),
        ("idle_s=soon", "could not convert string to float: 'soon'"),
        ("idle_s=1,2,3,4", "4 sandboxes cannot stand by"),
    ],
    ids=["nan", "endless-busy", "negative-first", "endless", "word", "too-many"],
)
def test_standing_by_for_no_time_is_refused(play, query, why):
    async def scene(pool, connect):
        answer = await (await connect()).ask("POST", f"/frostline/stand-by?{query}", b"")
        assert (answer.status, answer.json["message"], pool.asked) == (400, why, [])

    play(scene)


def test_a_payload_has_a_limit(play):
    async def scene(pool, connect):
        client = await connect()
        whole = b'"' + b"x" * (LAMBDA_REQUEST_BYTES - 2) + b'"'
        assert (await client.ask(body=whole)).status == 200
        assert (await client.ask(body=b" " * (1024 * 1024 - 2) + b"{}", X_Amz_Invocation_Type="Event")).status == 202
        answer = await client.ask(body=b" " * (1024 * 1024 - 1) + b"{}", X_Amz_Invocation_Type="Event")
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (413, "RequestTooLargeException")
        answer = await client.ask(body=whole + b" ")
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (413, "RequestTooLargeException")
        assert len(pool.asked) == 2
        assert (await client.ask()).status == 200

    play(scene)


def test_throttling_has_the_form_that_sdks_know(play):
    async def scene(pool, connect):
        client = await connect()
        answer = await client.ask(body=b'"throttle"')
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (429, "TooManyRequestsException")
        assert answer.json == {
            "Type": "User",
            "message": "Rate Exceeded: all 2 sandboxes are busy",
            "Reason": "ConcurrentInvocationLimitExceeded",
        }
        assert answer.headers["retry-after"] == "1"
        assert TIMELINE_HEADER not in answer.headers

    play(scene)


def test_what_was_good_before_is_no_word_for_what_comes_after_it(play):
    async def scene(pool, connect):
        client = await connect()
        for _ in range(2):
            assert (await client.ask()).status == 200
            assert (await client.ask(path=INVOKE + "?Qualifier=PROD")).status == 404
            assert (await client.ask("GET", INVOKE, b"")).status == 404
            assert (await client.ask(X_Amz_Log_Type="x")).status == 400
            assert (await client.ask(X_Amz_Invocation_Type="DryRun")).status == 204
            assert (await client.ask("GET", "/frostline/pool", b"")).status == 200
        assert len(pool.asked) == 2

    play(scene)


def test_a_dry_run_asks_nobody(play):
    async def scene(pool, connect):
        answer = await (await connect()).ask(X_Amz_Invocation_Type="DryRun")
        assert (answer.status, answer.body) == (204, b"")
        assert pool.asked == []

    play(scene)


@pytest.mark.parametrize(("body", "attempts"), [(b'"good"', 1), (b'"error"', 3), (b'"die"', 3), (b'"throttle"', 4)])
def test_an_event_is_accepted_at_once_and_tried_again(play, monkeypatch, body, attempts):
    monkeypatch.setattr(backlog, "RETRY_S", (0.0, 0.0))
    monkeypatch.setattr(backlog, "THROTTLED_S", (0.001, 0.002))
    monkeypatch.setattr(backlog, "LONGEST_S", 0.006)

    async def scene(pool, connect):
        client = await connect()
        answer = await client.ask(body=body, X_Amz_Invocation_Type="Event")
        assert (answer.status, answer.body) == (202, b"")
        while len(pool.asked) < attempts:
            await asyncio.sleep(0.001)
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert pool.asked == [body] * attempts

    play(scene)


def test_every_reply_names_its_request(play):
    async def scene(pool, connect):
        client = await connect()
        answers = [await client.ask(), await client.ask(path="/none"), await client.ask(body=b"{")]
        await (other := await connect()).send(b"hello\r\n\r\n")
        ids = {uuid.UUID(answer.headers["x-amzn-requestid"]) for answer in [*answers, await other.receive()]}
        assert len(ids) == 4 and {(one.version, one.variant) for one in ids} == {(4, uuid.RFC_4122)}
        mine = str(uuid.uuid4())
        assert (await client.ask(x_amzn_RequestId=mine)).headers["x-amzn-requestid"] == mine
        answer = await client.ask(x_amzn_RequestId="mine")
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "InvalidRequestContentException")

    play(scene)


@pytest.mark.parametrize("context", ["e30=", "eyJjdXN0b20iOiB7ImEiOiAiYiJ9fQ=="])
def test_a_clients_context_is_taken(play, context):
    async def scene(pool, connect):
        assert (await (await connect()).ask(X_Amz_Client_Context=context)).status == 200

    play(scene)


@pytest.mark.parametrize("context", ["{}", "e30", "bnVsbA==", "aGVsbG8="])
def test_a_clients_context_that_is_none_is_refused(play, context):
    async def scene(pool, connect):
        answer = await (await connect()).ask(X_Amz_Client_Context=context)
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "InvalidRequestContentException")

    play(scene)


def test_errors_of_the_function_and_of_its_sandbox_are_answers(play):
    async def scene(pool, connect):
        client = await connect()
        answer = await client.ask(body=b'"error"')
        assert (answer.status, answer.headers["x-amz-function-error"]) == (200, "Unhandled")
        assert answer.json == {"errorType": "ValueError"}
        answer = await client.ask(body=b'"die"')
        assert (answer.status, answer.headers["x-amz-function-error"]) == (200, "Unhandled")
        assert answer.json == {"errorType": "Sandbox.Died", "errorMessage": "it ended"}
        assert json.loads(answer.headers[TIMELINE_HEADER])["unit"] == "0001"

    play(scene)


def test_a_fault_of_the_front_is_told_and_the_connection_goes_on(play):
    async def scene(pool, connect):
        client = await connect()
        answer = await client.ask(body=b'"fault"')
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (500, "ServiceException")
        assert "ZeroDivisionError" in answer.json["Message"]
        assert (await client.ask()).status == 200

    play(scene)


def test_an_empty_body_is_an_empty_object(play):
    async def scene(pool, connect):
        client = await connect()
        assert (await client.ask(body=b"")).body == b"{}"

    play(scene)


def test_a_connection_is_kept_or_closed_as_asked(play):
    async def scene(pool, connect):
        client = await connect()
        assert [(await client.ask(body=f'"{n}"'.encode())).body for n in range(5)] == [b'"%d"' % n for n in range(5)]
        assert (await client.ask(Connection="close")).status == 200
        assert await client.closed()

    play(scene)


def test_requests_that_come_all_at_once_are_answered_in_turn(play):
    async def scene(pool, connect):
        pool.gate = asyncio.Event()
        client, other = await connect(), await connect()
        await client.send(
            request(body=b'"slow"')
            + request(body=b'"next"', x_amz_invocation_type="DryRun")
            + request("GET", "/frostline/pool", b"")
            + request(body=b'"last"')
        )
        assert (await other.ask(body=b'"other"')).body == b'"other"'
        assert pool.asked == [b'"slow"', b'"other"']
        pool.gate.set()
        answers = [await client.receive() for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 204, 200, 200]
        assert [answer.body for answer in answers] == [b'"slow"', b"", b'{"size": 4}', b'"last"']

    play(scene)


@pytest.mark.parametrize("pieces", [2, 7, 10_000])
def test_a_request_may_come_in_pieces(play, pieces):
    async def scene(pool, connect):
        client = await connect()
        body = b'{"text": "' + b"rime " * 40 + b'"}'
        await client.send(request(body=body, X_Long="y" * 300), pieces)
        assert (await client.receive()).body == body

    play(scene)


def test_a_chunked_request_is_whole(play):
    async def scene(pool, connect):
        client = await connect()
        head = f"POST {INVOKE} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        await client.send(head.encode() + b'5\r\n{"a":\r\n3\r\n 1}\r\n0\r\n\r\n')
        assert (await client.receive()).json == {"a": 1}

    play(scene)


EXPECT = {"Expect": "100-continue"}


def test_a_client_that_waits_for_a_word_before_it_sends_a_body_is_given_it(play):
    async def scene(pool, connect):
        client = await connect()
        for body in (b'"a"', b'"b"'):
            head, _, _ = request(body=body, **EXPECT).partition(b'"')
            await client.send(head)
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await client.send(body)
            assert (await client.receive()).body == body

    play(scene)


@pytest.mark.parametrize("kind", ["chunked", "announced"])
def test_the_word_comes_for_a_chunked_body_and_after_the_answers_before_it(play, kind):
    async def scene(pool, connect):
        pool.gate = asyncio.Event()
        client = await connect()
        length = "Transfer-Encoding: chunked" if kind == "chunked" else "Content-Length: 2"
        head = f"POST {INVOKE} HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\n{length}\r\n\r\n".encode()
        await client.send(request(body=b'"slow"') + head)
        while not pool.asked:
            await asyncio.sleep(0.001)
        pool.gate.set()
        assert (await client.receive()).body == b'"slow"'
        assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        await client.send(b"2\r\n{}\r\n0\r\n\r\n" if kind == "chunked" else b"{}")
        assert (await client.receive()).body == b"{}"

    play(scene)


@pytest.mark.parametrize(
    ("path", "size", "headers", "status"),
    [
        (INVOKE, LAMBDA_REQUEST_BYTES + 1, EXPECT, 413),
        (INVOKE, 2 * 1024 * 1024, {**EXPECT, "X-Amz-Invocation-Type": "Event"}, 413),
        ("/nothing", 5, EXPECT, 404),
        (INVOKE + "?Qualifier=PROD", 5, EXPECT, 404),
        (INVOKE, 5, {**EXPECT, "X-Amz-Log-Type": "x"}, 400),
        (INVOKE, 5, {"Expect": "a-miracle"}, 417),
        (INVOKE, 5_000_000_000, {}, 413),
    ],
    ids=["too large", "event too large", "path", "qualifier", "header", "miracle", "far too large without a question"],
)
def test_what_the_head_decides_is_answered_before_a_body_is_sent(play, path, size, headers, status):
    async def scene(pool, connect):
        client = await connect()
        lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {size}"]
        await client.send("\r\n".join([*lines, *(f"{k}: {v}" for k, v in headers.items()), "", ""]).encode())
        answer = await client.receive()
        assert (answer.status, answer.headers["connection"]) == (status, "close")
        await client.send(b"x" * 100_000)  # sent all the same: it is thrown away, and the reply was read
        assert await client.closed()
        assert pool.asked == []

    play(scene)


def test_an_old_client_is_asked_nothing(play):
    async def scene(pool, connect):
        client = await connect()
        await client.send(f"POST {INVOKE} HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        answer = await client.receive()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await client.closed()
        client = await connect()
        head = f"POST {INVOKE} HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{{}}".encode()
        for _ in range(2):
            await client.send(head)
            assert (await client.receive()).headers["connection"] == "keep-alive"

    play(scene)


def test_a_body_longer_than_announced_spoils_only_what_comes_after_it(play):
    async def scene(pool, connect):
        pool.gate = asyncio.Event()
        client = await connect()
        await client.send(request(body=b'"slow"') + b"and more\r\n\r\n")
        while not pool.asked:
            await asyncio.sleep(0.001)
        pool.gate.set()
        assert (await client.receive()).body == b'"slow"'
        assert (await client.receive()).status == 400
        assert await client.closed()

    play(scene)


def test_a_client_that_has_sent_all_is_still_answered(play):
    async def scene(pool, connect):
        pool.gate = asyncio.Event()
        client = await connect()
        await client.send(request(body=b'"slow"'))
        client.writer.write_eof()
        while not pool.asked:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        pool.gate.set()
        assert (await client.receive()).body == b'"slow"'
        assert await client.closed()

    play(scene)


@pytest.mark.parametrize("sent", [b"", b"POST", b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab"], ids=beginning)
def test_half_a_request_is_no_request(play, sent):
    async def scene(pool, connect):
        client = await connect()
        await client.send(sent)
        client.writer.write_eof()
        assert await client.closed()
        assert pool.asked == []

    play(scene)


def test_an_upgrade_is_refused_in_one_sentence(play):
    async def scene(pool, connect):
        client = await connect()
        await client.send(request() + request(Upgrade="h2c", Connection="Upgrade, HTTP2-Settings"))
        assert (await client.receive()).status == 200
        answer = await client.receive()
        assert answer.status == 400 and "HTTP/1.1 only" in answer.json["message"]
        assert await client.closed()

    play(scene)


def test_a_head_without_end_is_refused(play):
    async def scene(pool, connect):
        client = await connect()
        await client.send(b"POST / HTTP/1.1\r\n" + b"X-Long: " + b"y" * 100_000 + b"\r\n")
        assert (await client.receive()).status == 431
        assert await client.closed()

    play(scene)


def head_of(size, in_path=False):
    """A good request without a body, whose head has so many bytes."""
    long = INVOKE + "?x={}" if in_path else INVOKE
    head = f"POST {long} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nX-Long: {{}}\r\n\r\n"
    fill = "y" * (size - len(head.replace("{}", "")))
    return (head.format(fill, "") if in_path else head.format(fill)).encode()


@pytest.mark.parametrize("in_path", [False, True], ids=["header", "path"])
@pytest.mark.parametrize("pieces", [1, 3, 70])
def test_a_head_has_a_limit_however_it_comes(play, pieces, in_path):
    async def scene(pool, connect):
        client = await connect()
        for _ in range(2):
            await client.send(head_of(MAX_HEAD_BYTES - 200, in_path), pieces)
            assert (await client.receive()).status == 200
        await client.send(head_of(70_000, in_path), pieces)
        assert (await client.receive()).status == 431
        assert await client.closed()
        assert len(pool.asked) == 2

    play(scene)


def test_many_headers_are_a_head_that_is_too_large_as_well(play):
    async def scene(pool, connect):
        client = await connect()
        await client.send(request(**{f"X-{n}": "y" * 10 for n in range(5000)}))
        assert (await client.receive()).status == 431

    play(scene)


def test_a_large_body_does_not_count_towards_the_head_that_comes_behind_it(play):
    async def scene(pool, connect):
        client = await connect()
        body, (begin, end) = b'"' + b"x" * 100_000 + b'"', (request()[:20], request()[20:])
        await client.send(request(body=body) + begin)
        assert (await client.receive()).body == body
        await client.send(end)
        assert (await client.receive()).status == 200

    play(scene)


def test_a_head_request_has_no_body(play):
    async def scene(pool, connect):
        client = await connect()
        await client.send(request("HEAD", INVOKE, b""))
        assert b" 404 " in await client.reader.readuntil(b"\r\n\r\n")
        assert (await client.ask()).status == 200

    play(scene)


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01\x00", b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_what_is_not_http_is_refused_and_hung_up(play, data):
    async def scene(pool, connect):
        client = await connect()
        await client.send(data)
        assert (await client.receive()).status == 400
        assert await client.closed()
        assert (await (await connect()).ask()).status == 200

    play(scene)


def test_a_client_that_goes_away_breaks_nothing(play):
    async def scene(pool, connect):
        pool.gate = asyncio.Event()
        client = await connect()
        await client.send(request(body=b'"slow"') + request(body=b'"next"'))
        while not pool.asked:
            await asyncio.sleep(0.001)
        client.writer.transport.abort()
        pool.gate.set()
        assert (await (await connect()).ask()).status == 200

    play(scene)


@pytest.fixture
def lambda_client():
    """boto3 against a front that runs in a thread of its own."""
    loop, pool = asyncio.new_event_loop(), ScriptedPool()
    server = loop.run_until_complete(loop.create_server(lambda: Connection(Front(pool, "echo", 1769)), "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    client = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    yield client, pool
    client.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    server.close()
    loop.close()


def test_boto3_invokes(lambda_client):
    client, pool = lambda_client
    for name in ("echo", "arn:aws:lambda:us-east-1:123456789012:function:echo"):
        answer = client.invoke(FunctionName=name, Payload=b'{"text": "frost"}')
        assert (answer["StatusCode"], json.loads(answer["Payload"].read())) == (200, {"text": "frost"})
        assert "FunctionError" not in answer
    answer = client.invoke(FunctionName="echo", Payload=b'"error"')
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read()) == {"errorType": "ValueError"}
    assert client.invoke(FunctionName="echo", InvocationType="DryRun")["StatusCode"] == 204
    assert len(pool.asked) == 3


def test_boto3_knows_the_errors(lambda_client):
    client, pool = lambda_client
    with pytest.raises(client.exceptions.TooManyRequestsException, match="Rate Exceeded"):
        client.invoke(FunctionName="echo", Payload=b'"throttle"')
    with pytest.raises(client.exceptions.ResourceNotFoundException, match=r"Function not found: .*:other"):
        client.invoke(FunctionName="other", Payload=b"{}")
    with pytest.raises(client.exceptions.RequestTooLargeException):
        client.invoke(FunctionName="echo", Payload=b" " * (LAMBDA_REQUEST_BYTES + 1))
    with pytest.raises(client.exceptions.ServiceException):
        client.invoke(FunctionName="echo", Payload=b'"fault"')
    with pytest.raises(client.exceptions.InvalidRequestContentException, match="Could not parse request body"):
        client.invoke(FunctionName="echo", Payload=b"frost")
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="invocationType"):
        client.invoke(FunctionName="echo", InvocationType="Later", Payload=b"{}")
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="function:echo:PROD"):
        client.invoke(FunctionName="echo", Qualifier="PROD", Payload=b"{}")
    assert pool.asked == [b'"throttle"', b'"fault"']


def test_boto3_sees_every_member_of_a_throttle(lambda_client):
    client, _ = lambda_client
    with pytest.raises(client.exceptions.TooManyRequestsException) as caught:
        client.invoke(FunctionName="echo", Payload=b'"throttle"')
    assert caught.value.response["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert caught.value.response["retryAfterSeconds"] == "1"
    assert len(caught.value.response["ResponseMetadata"]["RequestId"]) == 36


def test_boto3_reads_the_version_and_the_log(lambda_client):
    client, pool = lambda_client
    pool.report = Report(1_500_000, 20_400_000, 30 * 1024 * 1024, b"hello\n" * 1000)
    answer = client.invoke(FunctionName="echo", Qualifier="$LATEST", LogType="Tail", Payload=b"{}")
    assert answer["ExecutedVersion"] == "$LATEST"
    log = base64.b64decode(answer["LogResult"])
    assert len(log) == 4096 and log.count(b"hello") > 500
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert log.endswith(
        f"END RequestId: {request_id}\nREPORT RequestId: {request_id}\tDuration: 1.50 ms\tBilled Duration: 22 ms\t"
        "Memory Size: 1769 MB\tMax Memory Used: 30 MB\tInit Duration: 20.40 ms\t\n".encode()
    )
    pool.report = Report(1_500_000)
    log = base64.b64decode(client.invoke(FunctionName="echo", LogType="Tail", Payload=b"{}")["LogResult"]).decode()
    assert log.startswith("START RequestId: ") and " Version: $LATEST\n" in log
    assert "Max Memory Used" not in log and "Init Duration" not in log
    assert "LogResult" not in client.invoke(FunctionName="echo", LogType="None", Payload=b"{}")
    assert client.invoke(FunctionName="echo", InvocationType="Event", LogType="Tail")["StatusCode"] == 202
