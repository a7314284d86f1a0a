"""The three embedded servers: real ones, kept alive, in one folder with one owner."""

import asyncio
import os
import signal
from pathlib import Path

import nats
import psycopg
import pytest
import redis.asyncio as redis

from opsrail.embedded.addresses import Endpoints, External
from opsrail.embedded.child import Launch, StartFailedError, State
from opsrail.embedded.folder import FolderInUseError
from opsrail.embedded.servers import Servers
from opsrail.embedded.valkey import Valkey
from opsrail.testing.stack import PATIENCE_SECONDS


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


async def killed_and_back(servers: Servers, name: str) -> None:
    os.kill(servers.pids()[name], signal.SIGKILL)
    while servers.children[name].state is State.RUNNING:
        await asyncio.sleep(0.01)
    await servers.children[name].wait_running(attempts=5)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


async def test_every_server_takes_work_and_keeps_it_over_kill_9(data: Path) -> None:
    servers = Servers(data)
    async with servers as endpoints:
        async with await psycopg.AsyncConnection.connect(plain(endpoints.migration_url)) as session:
            await session.execute("CREATE TABLE kept (n int)")
            await session.execute("INSERT INTO kept VALUES (7)")
        bus = await nats.connect(endpoints.nats_url)
        await bus.jetstream(timeout=PATIENCE_SECONDS).add_stream(name="KEPT", subjects=["kept"])
        await bus.jetstream(timeout=PATIENCE_SECONDS).publish("kept", b"seven")
        await bus.close()
        cache = redis.from_url(endpoints.redis_url, socket_timeout=PATIENCE_SECONDS)
        await cache.set("kept", "maybe")
        await cache.aclose()

        for name in ("postgres", "nats", "valkey"):
            await killed_and_back(servers, name)

        assert servers.endpoints == endpoints
        async with await psycopg.AsyncConnection.connect(plain(endpoints.migration_url)) as session:
            rows = await (await session.execute("SELECT n FROM kept")).fetchall()
        assert rows == [(7,)]
        bus = await nats.connect(endpoints.nats_url)
        assert (await bus.jetstream(timeout=PATIENCE_SECONDS).get_msg("KEPT", 1)).data == b"seven"
        await bus.close()
        cache = redis.from_url(endpoints.redis_url, socket_timeout=PATIENCE_SECONDS)
        assert await cache.get("kept") is None
        await cache.aclose()


async def test_the_application_role_is_no_superuser_and_the_owner_owns(endpoints: Endpoints) -> None:
    query = (
        "SELECT current_user::text, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user"
    )
    found = []
    for url in (endpoints.database_url, endpoints.migration_url):
        async with await psycopg.AsyncConnection.connect(plain(url)) as session:
            found.append(await (await session.execute(query)).fetchone())
    assert found == [("opsrail_app", False, False, False), ("opsrail", False, False, True)]


async def test_servers_refuse_a_wrong_password(endpoints: Endpoints) -> None:
    refused = plain(endpoints.database_url).replace("opsrail_app:", "opsrail_app:x")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        await psycopg.AsyncConnection.connect(refused)
    cache = redis.from_url(endpoints.redis_url.replace("redis://:", "redis://:x"), socket_timeout=PATIENCE_SECONDS)
    with pytest.raises(redis.AuthenticationError):
        await cache.get("anything")
    await cache.aclose()
    bus = nats.NATS()
    with pytest.raises(nats.errors.Error, match="Authorization Violation"):
        await bus.connect(
            endpoints.nats_url.replace("orchestrator:", "orchestrator:x"), allow_reconnect=False, connect_timeout=120
        )
    await bus.close()


async def test_a_folder_in_use_is_refused_and_names_its_holder(data: Path) -> None:
    async with Servers(data):
        with pytest.raises(FolderInUseError, match=f"in use by process {os.getpid()}"):
            await Servers(data).start()


async def test_a_start_that_fails_in_an_unforeseen_way_is_told(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def launch(_: Valkey) -> Launch:
        raise LookupError("nobody thought of this")

    monkeypatch.setattr(Valkey, "launch", launch)
    with pytest.raises(StartFailedError, match="nobody thought of this"):
        await Servers(data).start()


async def test_a_restart_on_the_same_folder_keeps_data_ports_and_secrets(data: Path) -> None:
    async with Servers(data) as first, await psycopg.AsyncConnection.connect(plain(first.migration_url)) as session:
        await session.execute("CREATE TABLE kept (n int)")
    async with Servers(data) as second, await psycopg.AsyncConnection.connect(plain(second.migration_url)) as session:
        await session.execute("SELECT n FROM kept")
    assert second == first


async def test_a_long_path_makes_postgres_answer_over_tcp(tmp_path: Path) -> None:
    async with Servers(tmp_path / ("long-" * 18)) as endpoints:
        assert "@127.0.0.1:" in endpoints.database_url
        async with await psycopg.AsyncConnection.connect(plain(endpoints.database_url)) as session:
            assert await (await session.execute("SELECT 1")).fetchone() == (1,)


async def test_outside_servers_replace_the_embedded_ones_each(data: Path, endpoints: Endpoints) -> None:
    outside = External.from_environment(
        {"OPSRAIL_DATABASE_URL": endpoints.database_url, "OPSRAIL_NATS_URL": endpoints.nats_url}
    )
    servers = Servers(data, external=outside)
    async with servers as found:
        assert set(servers.pids()) == {"valkey"}
        assert found.database_url == found.migration_url == endpoints.database_url
        assert found.agent_nats_url == endpoints.nats_url
        assert found.redis_url != endpoints.redis_url


async def test_secrets_are_readable_by_the_owner_alone(data: Path) -> None:
    async with Servers(data):
        assert data.stat().st_mode & 0o077 == 0
        for secret in ("secrets.json", "conf/nats.conf", "conf/valkey.conf"):
            assert (data / secret).stat().st_mode & 0o077 == 0
