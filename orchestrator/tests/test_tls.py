"""TLS to NATS, PostgreSQL and Redis, and of the API: spoken where the address says so, and never with a stranger."""

import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr, ValidationError
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from opsrail import certificates
from opsrail.db.engine import Database
from opsrail.embedded.addresses import Endpoints
from opsrail.embedded.nats import binary
from opsrail.embedded.ports import LOOPBACK, ask
from opsrail.settings import DatabaseSettings, Settings
from opsrail.testing.orchestrator import PATIENCE
from opsrail.testing.processes import serving
from opsrail.testing.stack import PATIENCE_SECONDS, Stack
from opsrail.tls import TlsSettings, database_url, redis_options
from opsrail_sdk.bus import Bus
from opsrail_sdk.errors import ConfigInvalid, Unavailable
from opsrail_sdk.login import login_for

sys.path.insert(0, str(Path(__file__).parent))
from tls_front import tls_front

SOON = timedelta(seconds=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    certificates.issue(folder, ("localhost", LOOPBACK))
    return folder


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stranger")
    certificates.issue(folder, ("localhost", LOOPBACK))
    return folder


def settings_of(folder: Path, *, ca: Path | None = None) -> TlsSettings:
    return TlsSettings(ca=ca or folder / "ca.crt", cert=folder / "client.crt", key=folder / "client.key")


@asynccontextmanager
async def nats_server(scratch: Path, tls: str) -> AsyncIterator[int]:
    def command(port: int) -> list[str]:
        config = scratch / "nats.conf"
        config.write_text(f'listen: "{LOOPBACK}:{port}"\n{tls}\n')
        return [str(binary()), "--config", str(config), "-D"]

    log = scratch / "nats.log"
    async with serving(command, lambda port: ask(port, b"", b"INFO "), log=log) as port:
        yield port


async def test_nats_is_spoken_to_over_tls_with_both_sides_known(folder: Path, stranger: Path, tmp_path: Path) -> None:
    files = {"cert_file": folder / "server.crt", "key_file": folder / "server.key", "ca_file": folder / "ca.crt"}
    section = "\n".join(f"  {name}: {json.dumps(str(file))}" for name, file in files.items())
    async with nats_server(tmp_path, f"tls {{\n{section}\n  verify: true\n}}") as port:
        own = {"certificate": folder / "client.crt", "key": folder / "client.key"}
        url = f"tls://localhost:{port}"
        login = login_for(url, None, ca=folder / "ca.crt", **own)
        bus = await Bus.connect(url, name="t", login=login, patience=PATIENCE)
        assert bus.nc.is_connected
        await bus.close()
        for login in (
            login_for(url, None, ca=stranger / "ca.crt", **own),
            login_for(url, None, ca=folder / "ca.crt"),
            login_for(
                url, None, ca=folder / "ca.crt", certificate=stranger / "client.crt", key=stranger / "client.key"
            ),
        ):
            with pytest.raises(Unavailable):
                await Bus.connect(url, name="t", login=login, patience=SOON)


async def test_nothing_is_told_to_a_nats_that_offers_no_tls(folder: Path, tmp_path: Path) -> None:
    async with nats_server(tmp_path, "") as port:
        url = f"tls://login:topsecret@localhost:{port}"
        said = ""
        for _ in range(20):  # an answer that comes too late says nothing
            with pytest.raises(Unavailable) as refused:
                await Bus.connect(url, name="t", login=login_for(url, None, ca=folder / "ca.crt"), patience=SOON)
            said = str(refused.value)
            if "TLS" in said:
                break
        assert "offers no TLS" in said


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"none\.crt"):
        login_for("tls://localhost", None, ca=tmp_path / "none.crt")
    with pytest.raises(ValidationError, match="OPSRAIL_TLS_CA"):
        TlsSettings(ca=tmp_path / "none.crt")
    with pytest.raises(ValidationError, match="go together"):
        TlsSettings(server_cert=tmp_path)


async def test_postgres_is_spoken_to_over_tls(folder: Path, stranger: Path, settings: Settings) -> None:
    plain = make_url(settings.database.url.get_secret_value())
    directory, number = str(plain.query["host"]), plain.query.get("port", "5432")
    async with tls_front(folder, path=f"{directory}/.s.PGSQL.{number}") as port:
        front = plain.set(host="localhost", port=port, query={"sslmode": "verify-full"})
        url = front.render_as_string(hide_password=False)

        async def secured(tls: TlsSettings) -> bool:
            database = Database(
                DatabaseSettings(url=SecretStr(database_url(url, tls)), pool_size=1, connect_timeout=PATIENCE)
            )
            try:
                async with database.across() as session:
                    await session.execute(text("SELECT 1"))
                    raw = await (await session.connection()).get_raw_connection()
                    assert raw.driver_connection is not None
                    return bool(raw.driver_connection.pgconn.ssl_in_use)
            finally:
                await database.close()

        assert await secured(settings_of(folder))
        with pytest.raises(OperationalError, match="certificate verify failed"):
            await secured(settings_of(folder, ca=stranger / "ca.crt"))
        with pytest.raises(OperationalError):
            await secured(settings_of(stranger, ca=folder / "ca.crt"))


async def test_redis_is_spoken_to_over_tls(folder: Path, stranger: Path, endpoints: Endpoints) -> None:
    async with tls_front(folder, port=int(endpoints.redis_url.rsplit(":", 1)[1].split("/")[0])) as port:
        password = endpoints.redis_url.split("@")[0].rpartition(":")[2]
        url = f"rediss://:{password}@localhost:{port}/0"
        redis = Redis.from_url(url, socket_timeout=PATIENCE_SECONDS, **redis_options(url, settings_of(folder)))
        assert await redis.ping()
        await redis.aclose()
        for tls in (settings_of(folder, ca=stranger / "ca.crt"), settings_of(stranger, ca=folder / "ca.crt")):
            refused = Redis.from_url(url, socket_timeout=PATIENCE_SECONDS, **redis_options(url, tls))
            with pytest.raises((RedisConnectionError, OSError)):
                await refused.ping()
            await refused.aclose()


def test_addresses_that_do_not_ask_for_tls_stay_as_they_are(folder: Path) -> None:
    tls = settings_of(folder)
    assert database_url("postgresql+psycopg://u:p@h/db", tls) == "postgresql+psycopg://u:p@h/db"
    assert redis_options("redis://h", tls) == {}
    named = "postgresql+psycopg://u:p@h/db?sslmode=verify-full&sslrootcert=/own.crt"
    assert "sslrootcert=/own.crt" in database_url(named, tls)
    assert "sslrootcert=system" in database_url("postgresql://h/db?sslmode=verify-full", TlsSettings())


@pytest.mark.slow
def test_the_api_is_served_over_https(
    folder: Path, new_stack: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSRAIL_TLS_CA", str(folder / "ca.crt"))
    monkeypatch.setenv("OPSRAIL_TLS_SERVER_CERT", str(folder / "server.crt"))
    monkeypatch.setenv("OPSRAIL_TLS_SERVER_KEY", str(folder / "server.key"))
    stack = new_stack("--no-agents").start()
    assert stack.url.startswith("https://")
    status = stack.cli("tokens", "list", "--json")
    assert status.returncode == 0, status.stderr
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{stack.url}/healthz", timeout=PATIENCE_SECONDS)
    assert stack.stop() == 0
