"""The short way of hooks on real sockets: what it answers, what it hands over, and that the connection goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
from starlette.types import Receive, Scope, Send

from opsrail.hooks.endpoints import HookedApp
from opsrail.hooks.service import Intake
from opsrail.hooks.settings import HookSettings
from opsrail.hooks.signatures import hub_signature
from opsrail.testing.orchestrator import PATIENCE
from opsrail_sdk.errors import Unavailable

from .conftest import SECRET, Connections, served

ALERT = orjson.dumps({"alerts": [{"status": "firing", "labels": {"alertname": "HighCpu"}}]})


class HeldPublisher:
    """The part of the bus that ingress uses; it answers once the gate is open."""

    max_payload = 1 << 20

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.arrived = asyncio.Event()
        self.away = False
        self.sent: list[bytes] = []

    async def publish(self, _subject: str, body: bytes, **_: Any) -> None:
        self.arrived.set()
        await self.gate.wait()
        if self.away:
            raise Unavailable("away")
        self.sent.append(body)


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> tuple[int, dict[str, str], Any]:
        """The next answer: status, headers, JSON."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await self.reader.readexactly(int(headers["content-length"]))
        return int(head[0].split()[1]), headers, orjson.loads(body)

    async def ended(self) -> bool:
        return await self.reader.read() == b""


def request(body: bytes = ALERT, *, secret: bytes = SECRET, kind: str = "alertmanager", **headers: str) -> bytes:
    lines = [
        f"POST /v1/hooks/{kind} HTTP/1.1",
        "Host: hooks.test",
        f"Content-Length: {len(body)}",
        f"X-Hub-Signature-256: {hub_signature(body, secret)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


OTHER = b"GET /v1/nothing HTTP/1.1\r\nHost: hooks.test\r\n\r\n"


class NotingApp(HookedApp):
    """Notes the paths of what goes the long way."""

    def __init__(self) -> None:
        super().__init__()
        self.long: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.long.append(scope["path"])
        await super().__call__(scope, receive, send)


@pytest.fixture
def publisher() -> HeldPublisher:
    found = HeldPublisher()
    found.gate.set()
    return found


@pytest.fixture
async def app(publisher: HeldPublisher) -> AsyncIterator[NotingApp]:
    app = NotingApp()
    limits = HookSettings(max_body=4096, max_batch=4 << 20, bus_patience=PATIENCE)
    async with Intake.running(Connections(), publisher, limits) as intake:
        app.state.intake = intake
        yield app


@pytest.fixture
async def port(app: NotingApp) -> AsyncIterator[int]:
    async with served(app) as port:
        yield port


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE.seconds):
            yield Client(reader, writer)
    finally:
        writer.close()


async def test_a_good_delivery_goes_the_short_way_and_is_answered_as_on_the_long(app: NotingApp, port: int) -> None:
    async with connected(port) as client:
        client.writer.write(request())
        status, headers, answer = await client.answer()
    assert app.long == []
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hooks.test") as asgi:
        signature = {"X-Hub-Signature-256": hub_signature(ALERT, SECRET)}
        other = await asgi.post("/v1/hooks/alertmanager", content=ALERT, headers=signature)
    assert (status, answer) == (other.status_code, other.json())
    assert {name: text for name, text in headers.items() if name not in ("date", "server")} == dict(other.headers)


async def test_one_connection_takes_one_delivery_after_the_other(port: int, publisher: HeldPublisher) -> None:
    async with connected(port) as client:
        for _ in range(3):
            client.writer.write(request())
            assert (await client.answer())[0] == 202
    assert len(publisher.sent) == 3


async def test_a_delivery_may_come_in_pieces(port: int) -> None:
    async with connected(port) as client:
        whole = request()
        for cut in range(0, len(whole), 7):
            client.writer.write(whole[cut : cut + 7])
            await client.writer.drain()
            await asyncio.sleep(0)
        assert (await client.answer())[0] == 202


async def test_requests_in_one_packet_are_answered_in_order(port: int) -> None:
    async with connected(port) as client:
        client.writer.write(request() + OTHER + request() + request(secret=b"guess") + request())
        assert [(await client.answer())[0] for _ in range(5)] == [202, 404, 202, 401, 202]


async def test_requests_that_come_while_one_waits_for_the_disk_are_answered_after_it(
    port: int, publisher: HeldPublisher
) -> None:
    publisher.gate.clear()
    async with connected(port) as client:
        client.writer.write(request())
        await publisher.arrived.wait()
        client.writer.write(OTHER + request())
        await asyncio.sleep(0.05)
        publisher.gate.set()
        assert [(await client.answer())[0] for _ in range(3)] == [202, 404, 202]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request(secret=b"guess"), 401),
        (request(b"no json"), 422),
        (request(kind="nobody"), 404),
        (request(kind="jenkins", body=b"x" * 5000), 413),
        (request(**{"Content-Encoding": "gzip"}), 415),
        (request().replace(b"POST", b"PUT"), 405),
        (request().replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Host", b"Connection: keep-alive\r\nHost"), 202),
        (request(Expect="100-continue"), 100),
    ],
)
async def test_what_is_out_of_the_ordinary_is_handed_over_and_the_connection_goes_on(
    port: int, sent: bytes, status: int
) -> None:
    async with connected(port) as client:
        client.writer.write(sent)
        if status == 100:
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            status = 202
        answer = await client.answer()
        assert answer[0] == status
        if b"HTTP/1.0" in sent:
            return
        client.writer.write(request())
        assert (await client.answer())[0] == 202


async def test_a_body_without_a_length_is_taken_too(port: int) -> None:
    chunked = request(**{"Transfer-Encoding": "chunked"}).split(b"\r\n\r\n", 1)[0]
    head = b"\r\n".join(line for line in chunked.split(b"\r\n") if not line.startswith(b"Content-Length"))
    async with connected(port) as client:
        client.writer.write(head + b"\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(ALERT), ALERT))
        assert (await client.answer())[0] == 202


async def test_a_body_that_is_declared_too_large_is_refused_before_it_comes(port: int) -> None:
    async with connected(port) as client:
        client.writer.write(request(kind="jenkins", body=b"x" * 5000)[:-4000])
        assert (await client.answer())[0] == 413


async def test_a_bus_that_is_away_is_told_and_the_connection_goes_on(port: int, publisher: HeldPublisher) -> None:
    publisher.away = True
    async with connected(port) as client:
        client.writer.write(request())
        status, headers, problem = await client.answer()
        assert (status, problem["code"], headers["retry-after"]) == (503, "bus_away", "5")
        publisher.away = False
        client.writer.write(request())
        assert (await client.answer())[0] == 202


async def test_a_sender_that_hangs_up_takes_nobody_along(port: int, publisher: HeldPublisher) -> None:
    publisher.gate.clear()
    async with connected(port) as gone:
        gone.writer.write(request())
        await publisher.arrived.wait()
    async with connected(port) as cut_off:
        cut_off.writer.write(request()[:-5])
        await cut_off.writer.drain()
    async with connected(port) as client:
        client.writer.write(request())
        publisher.gate.set()
        assert (await client.answer())[0] == 202
    assert len(publisher.sent) == 2


async def test_a_connection_that_ends_with_the_answer_ends(port: int) -> None:
    async with connected(port) as client:
        client.writer.write(request(Connection="close"))
        assert (await client.answer())[0] == 202
        assert await client.ended()


async def test_shutting_down_waits_for_the_disk(app: NotingApp, publisher: HeldPublisher) -> None:
    publisher.gate.clear()
    serving = served(app)
    port = await serving.__aenter__()
    async with connected(port) as client, connected(port) as idle:
        client.writer.write(request())
        await publisher.arrived.wait()
        ending = asyncio.create_task(serving.__aexit__(None, None, None))
        assert await idle.ended()
        assert not ending.done()
        publisher.gate.set()
        status, headers, _ = await client.answer()
        assert (status, headers["connection"]) == (202, "close")
        assert await client.ended()
        await ending
