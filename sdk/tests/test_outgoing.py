"""Names that lead elsewhere when they are opened than when they were saved; on real sockets."""

import ipaddress
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
import trustme

from opsrail_sdk.addresses import Address
from opsrail_sdk.outgoing import AddressRefused, transport

HOST = "metrics.example"
METADATA = "169.254.169.254"


@dataclass
class Names:
    """A name server whose owner changes his mind: one answer after the other, the last for good."""

    answers: list[list[str]]
    asked: list[str] = field(default_factory=list)

    async def resolve(self, host: str) -> list[Address]:
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [ipaddress.ip_address(text) for text in found]


@dataclass
class Site:
    port: int
    hosts: list[str]
    trust: ssl.SSLContext | None = None

    def url(self, scheme: str = "http") -> str:
        return f"{scheme}://{HOST}:{self.port}/"


@pytest.fixture(params=["http", "https"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A server on loopback that notes whom its callers believe they speak to."""
    hosts: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hosts.append(self.headers["Host"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Tests keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        trust = None
        if request.param == "https":
            authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(HOST).configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            trust = ssl.create_default_context()
            authority.configure_trust(trust)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield Site(server.server_port, hosts, trust)
        server.shutdown()
        thread.join()


def client(names: Names, site: Site, *, allow_private: bool = True) -> httpx.AsyncClient:
    scheme = "https" if site.trust else "http"
    way = transport(site.url(scheme), allow_private=allow_private, verify=site.trust or True, resolve=names.resolve)
    return httpx.AsyncClient(transport=way, base_url=site.url(scheme), timeout=60)


async def test_the_host_is_named_and_proven_though_an_address_is_called(site: Site) -> None:
    names = Names([["127.0.0.1"]])
    async with client(names, site) as http:
        assert (await http.get("/")).status_code == 204
    assert site.hosts == [f"{HOST}:{site.port}"]
    assert names.asked == [HOST]


async def test_a_name_that_was_harmless_is_judged_again_at_the_next_connection(site: Site) -> None:
    names = Names([["127.0.0.1"], [METADATA]])
    async with client(names, site) as http:
        assert (await http.get("/")).status_code == 204
        with pytest.raises(AddressRefused, match="metadata service"):
            await http.get("/")
    assert len(site.hosts) == 1


async def test_one_bad_address_among_good_ones_is_enough(site: Site) -> None:
    async with client(Names([["127.0.0.1", METADATA]]), site) as http:
        with pytest.raises(AddressRefused):
            await http.get("/")
    assert site.hosts == []


async def test_private_addresses_follow_the_connection(site: Site) -> None:
    async with client(Names([["127.0.0.1"]]), site, allow_private=False) as http:
        with pytest.raises(AddressRefused, match="loopback or private"):
            await http.get("/")
    assert site.hosts == []


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/", "http://Metadata.Google.Internal./", "http://[::ffff:169.254.169.254]/"]
)
async def test_metadata_services_are_refused_under_every_name(url: str) -> None:
    async with httpx.AsyncClient(transport=transport(url, allow_private=True)) as http:
        with pytest.raises(AddressRefused):
            await http.get(url)


async def test_the_next_address_is_tried_where_one_does_not_answer(site: Site) -> None:
    async with client(Names([["127.0.0.2", "127.0.0.1"]]), site) as http:
        assert (await http.get("/")).status_code == 204


async def test_a_name_without_an_address_cannot_be_reached(site: Site) -> None:
    async with client(Names([[]]), site) as http:
        with pytest.raises(httpx.ConnectError):
            await http.get("/")


@pytest.mark.parametrize("site", ["http"], indirect=True)
async def test_a_proxy_of_the_environment_is_asked_by_name(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the proxy decides what may be reached; it is the operator's own."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{site.port}")
    names = Names([[METADATA]])
    async with client(names, site) as http:
        assert (await http.get("/")).status_code == 204
    assert names.asked == []
    monkeypatch.setenv("no_proxy", HOST)
    async with client(names, site) as http:
        with pytest.raises(AddressRefused):
            await http.get("/")
