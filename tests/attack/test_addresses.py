"""Server-side request forgery: addresses of connections and identity providers that lead where nobody may call."""

import asyncio
import socket
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
import pytest_asyncio

from opsrail_sdk.agent import Agent
from opsrail_sdk.bus import CAPABILITY_HEADER
from opsrail_sdk.contracts import subjects
from tests.attack.conftest import PATIENCE, Target

pytestmark = pytest.mark.asyncio(loop_scope="module")

METADATA = [
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.169.254.:80",
    "http://2852039166",
    "http://0xA9FEA9FE",
    "http://0251.0376.0251.0376",
    "http://169.254.43518",
    "http://[::ffff:169.254.169.254]",
    "http://[::ffff:a9fe:a9fe]",
    "http://[::169.254.169.254]",
    "http://[64:ff9b::a9fe:a9fe]",
    "http://[64:ff9b:1::a9fe:a9fe]",
    "http://[2002:a9fe:a9fe::]",
    "http://[fe80::1]",
    "http://[fd00:ec2::254]",
    "http://100.100.100.200",
    "http://metadata.google.internal",
    "http://METADATA",
    "http://0.0.0.0:4222",
    "http://[::]:4222",
    "http://224.0.0.1",
]
PRIVATE = [
    "http://127.0.0.1:6379",
    "http://127.1",
    "http://2130706433",
    "http://0x7f.1",
    "http://localhost:5432",
    "http://[::1]:5432",
    "http://[::ffff:127.0.0.1]",
    "http://[64:ff9b::7f00:1]",
    "http://[::7f00:1]",
    "http://10.0.0.1",
    "http://172.16.0.1",
    "http://192.168.1.1",
    "http://[fd12::1]",
    "http://100.64.0.1",
]
NONSENSE = [
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "unix:///var/run/docker.sock",
    "http://user:pw@prometheus.example",
    "http://prometheus.example\\@169.254.169.254",
    "http://prometheus.example#@169.254.169.254",
    "http://169.254.169.254\r\nHost: x",
    "http://",
    "//169.254.169.254",
]


async def attempt(target: Target, url: str) -> httpx.Response:
    body = {"kind": "prometheus", "name": "scout", "settings": {"url": url}}
    return await target.root.post("/v1/connections", json=body)


@pytest.mark.parametrize("url", METADATA)
async def test_the_metadata_service_is_never_called_in_whatever_spelling(target: Target, url: str) -> None:
    entry = await target.refused(await attempt(target, url), 422, "address_refused")
    assert entry.verb == "request.refused"


@pytest.mark.parametrize("url", PRIVATE)
async def test_private_addresses_are_refused_where_the_operator_says_so(
    target: Target, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target.orchestrator.container.settings.connections, "allow_private", False)
    await target.refused(await attempt(target, url), 422, "address_refused")


@pytest.mark.parametrize("url", NONSENSE)
async def test_what_is_no_plain_http_address_is_no_address(target: Target, url: str) -> None:
    answer = await attempt(target, url)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_settings"), answer.text


async def test_a_connection_is_not_moved_there_either(target: Target) -> None:
    body = {"kind": "prometheus", "name": "honest", "settings": {"url": "http://127.0.0.1:9090"}}
    made = await target.root.post("/v1/connections", json=body)
    assert made.status_code == 201, made.text
    path = f"/v1/connections/{made.json()['id']}"
    answer = await target.root.patch(path, json={"settings": {"url": "http://169.254.169.254"}})
    await target.refused(answer, 422, "address_refused")
    kept = (await target.root.get(path)).json()["settings"]["url"]
    assert kept == "http://127.0.0.1:9090"


@pytest.fixture
def turncoat() -> Iterator[tuple[str, list[str]]]:
    """A server at an allowed address that sends its callers on; its address, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{server.server_port}/latest/meta-data/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Tests keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


async def test_a_redirect_is_not_followed(target: Target, turncoat: tuple[str, list[str]]) -> None:
    issuer, asked = turncoat
    body = {"name": "corp", "title": "Corp", "issuer": issuer, "client_id": "x"}
    made = await target.root.post("/v1/identity-providers", json=body)
    async with target.client() as browser:
        if made.status_code == 201:
            answer = await browser.get(f"/v1/oidc/{made.json()['id']}/start")
            assert answer.status_code == 424, answer.text
        else:
            assert made.status_code in {422, 424}, made.text
    assert asked
    assert all(path.startswith("/.well-known/") for path in asked)


class Names:
    """The name server of an attacker, who changes his mind after an address was accepted."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._elsewhere = loop.getaddrinfo
        self.known = {"rebound.example": "127.0.0.1"}

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        if (address := self.known.get(host)) is None:
            return await self._elsewhere(host, port, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port or 0))]


@pytest_asyncio.fixture(loop_scope="module")
async def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    loop = asyncio.get_running_loop()
    names = Names(loop)
    monkeypatch.setattr(loop, "getaddrinfo", names.getaddrinfo)
    return names


async def test_a_name_that_was_rebound_after_it_was_saved_is_not_opened(target: Target, names: Names) -> None:
    settings = {"url": "http://rebound.example:9090"}
    made = await target.root.post(
        "/v1/connections", json={"kind": "prometheus", "name": "rebound", "settings": settings}
    )
    assert made.status_code == 201, made.text
    await installed(target)
    connection = made.json()["id"]
    assert orjson.loads((await opened(target, connection)).data)["settings"]["url"] == settings["url"]
    names.known["rebound.example"] = "169.254.169.254"
    answer = await opened(target, connection)
    assert (answer.headers["Nats-Service-Error-Code"], answer.data) == ("address_refused", b"")
    entry = await target.entry("verb = 'connection.refused' AND target = :it", it=f"connection:{connection}")
    assert (entry.actor, entry.outcome) == ("agent:scraper", "denied")
    assert entry.reason.startswith("address_refused")


async def test_a_provider_that_was_rebound_after_it_was_saved_is_not_asked(
    target: Target, names: Names, turncoat: tuple[str, list[str]]
) -> None:
    address, asked = turncoat
    issuer = f"http://rebound.example:{urlsplit(address).port}"
    body = {"name": "rebound", "title": "Rebound", "issuer": issuer, "client_id": "x"}
    made = await target.root.post("/v1/identity-providers", json=body)
    assert made.status_code == 201, made.text
    asked.clear()
    names.known["rebound.example"] = "169.254.169.254"
    async with target.client() as browser:
        answer = await browser.get(f"/v1/oidc/{made.json()['id']}/start")
    await target.refused(answer, 424, "address_refused")
    assert asked == []


async def installed(target: Target) -> None:
    """An agent that may open the connection."""
    agent = Agent(
        id="scraper",
        title="Scraper",
        description="Reads metrics",
        version="1.0.0",
        owner="tests",
        module="scraper",
        connections=("prometheus",),
    )
    await target.sql(
        "INSERT INTO agents (org_id, id, manifest, module, version, runtime, enabled, state)"
        " VALUES (:org, 'scraper', CAST(:manifest AS json), 'scraper', '1.0.0', 'external', true, 'enabled')",
        org=target.org,
        manifest=orjson.dumps(agent.manifest.model_dump(mode="json")).decode(),
    )


async def opened(target: Target, connection: str) -> Any:
    """What the orchestrator answers to an agent with a genuine capability."""
    container = target.orchestrator.container
    proof = container.signer.mint(
        org_id=target.org,
        agent="scraper",
        action="look",
        input={},
        run_id="query",
        decision_id=str(uuid.uuid4()),
        lifetime=timedelta(minutes=1),
    )
    return await container.bus.nc.request(
        subjects.query(target.org, subjects.CORE_SERVICE, "connection"),
        orjson.dumps({"connection": connection, "agent": "scraper"}),
        headers={CAPABILITY_HEADER: proof},
        timeout=PATIENCE.total_seconds(),
    )


async def test_no_identity_provider_at_the_metadata_service(target: Target) -> None:
    body = {"name": "meta", "title": "Meta", "issuer": "http://169.254.169.254", "client_id": "x"}
    answer = await target.root.post("/v1/identity-providers", json=body)
    await target.refused(answer, 422, "address_refused")
