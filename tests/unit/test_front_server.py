"""The Invoke API over a real loopback socket, in front of a pool that does as it is told."""

import asyncio
import json
import threading

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config

from targets.contract import TIMELINE_HEADER
from targets.lambda_front.pool import Throttled
from targets.lambda_front.sandbox import Reply, SandboxDied
from targets.lambda_front.server import MAX_PAYLOAD_BYTES, Connection

INVOKE = "/2015-03-31/functions/echo/invocations"
LIMIT_S = 20


class ScriptedPool:
    """Answers with the request's body, unless that is the name of something that goes wrong."""

    def __init__(self):
        self.asked = []
        self.size = 4
        self.gate = None

    async def invoke(self, body, passage):
        self.asked.append(body)
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
        answer.body = await self.reader.readexactly(int(answer.headers["content-length"]))
        return answer

    async def ask(self, *args, **options):
        await self.send(request(*args, **options))
        return await self.receive()

    async def closed(self):
        return await self.reader.read() == b""


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
            server = await asyncio.get_running_loop().create_server(lambda: Connection(pool, "echo"), "127.0.0.1", 0)
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
        INVOKE + "?Qualifier=PROD",
        "/2015-03-31/functions/echo:PROD/invocations",
        "/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:echo/invocations",
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aecho%3A7/invocations",
    ],
)
def test_a_function_has_many_names(play, path):
    async def scene(pool, connect):
        client = await connect()
        assert (await client.ask(path=path)).status == 200

    play(scene)


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/2015-03-31/functions/other/invocations", "ResourceNotFoundException"),
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
        assert set(answer.json) == {"Type", "Message"}
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


def test_a_payload_has_a_limit(play):
    async def scene(pool, connect):
        client = await connect()
        assert (await client.ask(body=b"x" * MAX_PAYLOAD_BYTES)).status == 200
        answer = await client.ask(body=b"x" * (MAX_PAYLOAD_BYTES + 1))
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (413, "RequestTooLargeException")
        assert len(pool.asked) == 1
        assert (await client.ask()).status == 200

    play(scene)


def test_throttling_has_the_form_that_sdks_know(play):
    async def scene(pool, connect):
        client = await connect()
        answer = await client.ask(body=b'"throttle"')
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (429, "TooManyRequestsException")
        assert answer.json == {"Type": "User", "Message": "Rate Exceeded: all 2 sandboxes are busy"}
        assert TIMELINE_HEADER not in answer.headers

    play(scene)


def test_a_dry_run_asks_nobody_and_an_event_is_refused(play):
    async def scene(pool, connect):
        client = await connect()
        answer = await client.ask(X_Amz_Invocation_Type="DryRun")
        assert (answer.status, answer.body) == (204, b"")
        answer = await client.ask(x_amz_invocation_type="Event")
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "InvalidParameterValueException")
        assert pool.asked == []

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
    server = loop.run_until_complete(loop.create_server(lambda: Connection(pool, "echo"), "127.0.0.1", 0))
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
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="Function not found: other"):
        client.invoke(FunctionName="other", Payload=b"{}")
    with pytest.raises(client.exceptions.RequestTooLargeException):
        client.invoke(FunctionName="echo", Payload=b"x" * (MAX_PAYLOAD_BYTES + 1))
    with pytest.raises(client.exceptions.ServiceException):
        client.invoke(FunctionName="echo", Payload=b'"fault"')
    with pytest.raises(botocore.exceptions.ClientError, match="synchronously only"):
        client.invoke(FunctionName="echo", InvocationType="Event", Payload=b"{}")
    assert pool.asked == [b'"throttle"', b'"fault"']
