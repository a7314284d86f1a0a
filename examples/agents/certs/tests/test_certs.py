"""The certificate agent against real TLS servers."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from opsrail_certs.agent import agent
from opsrail_certs.events import EXPIRING, UNREADABLE
from opsrail_certs.warnings import due

from opsrail_sdk import tasks
from opsrail_sdk.contracts.run import RunState
from opsrail_sdk.errors import AgentError, InvalidInput
from opsrail_sdk.testing.harness import AgentHarness
from opsrail_sdk.testing.server import NatsServer


@asynccontextmanager
async def tls_server(folder: Path, *, left: timedelta) -> AsyncIterator[str]:
    """A server whose own certificate ends after ``left``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    end = datetime.now(UTC) + left
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=90))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("a.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)

    callers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            await reader.read()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await tasks.end(*callers)


@asynccontextmanager
async def running(folder: Path, **config: object) -> AsyncIterator[AgentHarness]:
    (folder / "nats").mkdir()
    async with NatsServer(folder / "nats") as nats, AgentHarness(agent, nats.url, config=config) as harness:
        yield harness


async def test_expiry_reads_the_certificate_that_is_served(tmp_path: Path) -> None:
    async with tls_server(tmp_path, left=timedelta(days=40, hours=1)) as server, running(tmp_path) as harness:
        answer = await harness.query("expiry", {"server": server})
    assert (answer["days_left"], answer["names"], answer["subject"]) == (40, ["a.test"], "CN=tests")


async def test_an_expired_certificate_is_read_too(tmp_path: Path) -> None:
    async with tls_server(tmp_path, left=timedelta(days=-2, hours=1)) as server, running(tmp_path) as harness:
        assert (await harness.query("expiry", {"server": server}))["days_left"] == -2


async def test_check_tells_once_per_certificate_and_warning(tmp_path: Path) -> None:
    async with (
        tls_server(tmp_path, left=timedelta(days=10)) as server,
        running(tmp_path, servers=[server, "127.0.0.1:1"]) as harness,
    ):
        for _ in range(2):
            run = await harness.run("check", {})
            assert run.status.state is RunState.SUCCEEDED
            assert run.status.output is not None
            assert run.status.output["unreadable"] == ["127.0.0.1:1"]
        (told,) = await harness.orchestration.events(EXPIRING)
        assert (told.subject, told.data["warn_days"]) == (server, 14)
        (away,) = await harness.orchestration.events(UNREADABLE)
        assert away.subject == "127.0.0.1:1"


async def test_a_server_without_tls_is_a_clear_error(tmp_path: Path) -> None:
    async with running(tmp_path) as harness:
        with pytest.raises(AgentError) as caught:
            await harness.query("expiry", {"server": "127.0.0.1:1"})
        assert caught.value.code == "no_tls"
        for wrong in ("", "a b", "http://x", "x:99999999"):
            with pytest.raises(InvalidInput):
                await harness.query("expiry", {"server": wrong})
        with pytest.raises(InvalidInput, match="port"):
            await harness.query("expiry", {"server": "x:70000"})


@pytest.mark.parametrize(("left", "warning"), [(31, None), (30, None), (29, 30), (13, 14), (0, 1), (-5, 1)])
def test_the_nearest_warning_counts(left: int, warning: int | None) -> None:
    assert due(left, (30, 14, 7, 1)) == warning
