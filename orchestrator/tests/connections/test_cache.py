import asyncio
import uuid
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from opsrail.connections import cache as module
from opsrail.connections.cache import ConnectionCache
from opsrail.hooks.ports import HookConnection
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.servers import RunningServers
from opsrail.testing.stack import PATIENCE_SECONDS


@pytest.fixture
async def cache(orchestrator: Orchestrator) -> AsyncIterator[ConnectionCache]:
    container = orchestrator.container
    cache = ConnectionCache(container.database, container.keyring, container.bus)
    await cache.start()
    yield cache
    await cache.close()


async def connection(client: httpx.AsyncClient, **body: object) -> tuple[str, str]:
    made = (await client.post("/v1/connections", json={"kind": "github", "name": "forge", **body})).json()
    return made["id"], made["secret"]


async def test_serves_the_opened_secret(cache: ConnectionCache, client: httpx.AsyncClient) -> None:
    ident, secret = await connection(client)
    found = await cache.get(ident)
    assert found is not None
    assert (found.id, found.kind, found.name, found.secret) == (ident, "github", "forge", secret.encode())
    assert found.previous_secret is None


async def test_what_takes_no_hooks_is_absent(cache: ConnectionCache, client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/connections", json={"kind": "aws", "name": "account"})).json()
    assert await cache.get(made["id"]) is None
    assert await cache.get(str(uuid.uuid4())) is None
    assert await cache.get("../etc") is None


async def test_rotation_keeps_the_old_secret_for_a_while(
    cache: ConnectionCache, client: httpx.AsyncClient, orchestrator: Orchestrator
) -> None:
    ident, old = await connection(client)
    await cache.get(ident)
    new = (await client.post(f"/v1/connections/{ident}/rotate")).json()["secret"]
    await orchestrator.container.bus.nc.flush()
    found = await _once(cache, ident, lambda entry: entry.secret == new.encode())
    assert found.previous_secret == old.encode()
    async with orchestrator.container.database.across() as session:
        await session.execute(text("UPDATE connections SET previous_hook_secret_until = now() - interval '1 s'"))
    fresh = ConnectionCache(
        orchestrator.container.database, orchestrator.container.keyring, orchestrator.container.bus
    )
    entry = await fresh.get(ident)
    assert entry is not None
    assert entry.previous_secret is None


async def test_a_deleted_connection_goes_by_its_hint(cache: ConnectionCache, client: httpx.AsyncClient) -> None:
    ident, _ = await connection(client)
    assert await cache.get(ident)
    await client.delete(f"/v1/connections/{ident}")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await cache.get(ident) is not None:
            await asyncio.sleep(0.01)


async def test_goes_on_serving_while_the_database_is_away(
    cache: ConnectionCache,
    client: httpx.AsyncClient,
    servers: RunningServers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ident, secret = await connection(client)
    monkeypatch.setattr(module, "FRESH_SECONDS", 0.0)
    assert await cache.get(ident)
    await asyncio.to_thread(servers.stop, "postgres")
    try:
        found = await cache.get(ident)
        assert found is not None
        assert found.secret == secret.encode()
        with pytest.raises((SQLAlchemyError, TimeoutError)):
            await cache.get(str(uuid.uuid4()))
    finally:
        await asyncio.to_thread(servers.start, "postgres")


async def _once(cache: ConnectionCache, ident: str, holds: Callable[[HookConnection], bool]) -> HookConnection:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            entry = await cache.get(ident)
            if entry is not None and holds(entry):
                return entry
            await asyncio.sleep(0.01)
