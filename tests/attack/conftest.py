"""One orchestrator per file, shared by its attacks, and the audit entry that each of them has to leave."""

import asyncio
import hmac
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from redis.asyncio import Redis
from sqlalchemy import create_engine, make_url, text

from opsrail.app import create_app
from opsrail.embedded.addresses import Endpoints
from opsrail.hooks.settings import HookSettings
from opsrail.settings import DatabaseSettings, NatsSettings, RedisSettings, Settings
from opsrail.testing.orchestrator import Orchestrator, empty_bus

Json = dict[str, Any]

PATIENCE = timedelta(seconds=120)


@dataclass(frozen=True)
class Target:
    """The orchestrator that is attacked, and a client with its administrator's token."""

    orchestrator: Orchestrator
    root: httpx.AsyncClient

    @property
    def org(self) -> str:
        return str(self.orchestrator.org_id)

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Somebody with these headers and nothing else."""
        transport = httpx.ASGITransport(self.orchestrator.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://opsrail.test", headers=headers)

    async def sql(self, statement: str, **values: Any) -> Any:
        async with self.orchestrator.container.database.across() as session:
            result: Any = await session.execute(text(statement), values)
            return result.all() if result.returns_rows else None

    async def entry(self, condition: str, **values: Any) -> Any:
        """The first entry of which this holds.

        Raises:
            TimeoutError: there is none.
        """
        async with asyncio.timeout(PATIENCE.total_seconds()):
            while True:
                rows = await self.sql(f"SELECT * FROM audit_entries WHERE {condition} ORDER BY id LIMIT 1", **values)
                if rows:
                    return rows[0]
                await asyncio.sleep(0.05)

    async def refused(self, answer: httpx.Response, status: int, code: str) -> Any:
        """The answer is this refusal, and it is in the audit trail; the entry."""
        assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
        ident = answer.headers["x-correlation-id"]
        entry = await self.entry(
            "(correlation_id = :ident OR detail->'correlation_ids' ? :ident) AND outcome = 'denied'", ident=ident
        )
        assert re.search(rf"\b{code}\b", entry.reason), entry.reason
        return entry


@dataclass(frozen=True)
class Hook:
    """A connection that takes CloudEvents, and its secret."""

    target: Target
    id: str
    secret: str

    async def send(self, body: bytes, headers: Mapping[str, str], *, signed: bytes | None = None) -> httpx.Response:
        """Deliver with a valid signature, or with that of another body."""
        mac = hmac.digest(self.secret.encode(), body if signed is None else signed, "sha256").hex()
        async with self.target.client() as sender:
            return await sender.post(
                f"/v1/hooks/{self.id}", content=body, headers={"X-Hub-Signature-256": f"sha256={mac}", **headers}
            )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target(
    endpoints: Endpoints, template_database: str, admin_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Target]:
    """An orchestrator with its background loops, on a database and streams of its own."""
    folder: Path = tmp_path_factory.mktemp("attacked")
    name = f"attack_{folder.name}"
    _admin(admin_url, f'CREATE DATABASE "{name}" TEMPLATE "{template_database}" OWNER opsrail')
    await empty_bus(endpoints.nats_url)
    cache = Redis.from_url(endpoints.redis_url)
    await cache.flushdb()
    await cache.aclose()
    database_url = make_url(endpoints.database_url).set(database=name).render_as_string(hide_password=False)
    settings = Settings(
        data=folder / "data",
        install_agents=False,
        database=DatabaseSettings(url=SecretStr(database_url), pool_size=4, connect_timeout=PATIENCE),
        redis=RedisSettings(url=SecretStr(endpoints.redis_url), timeout=PATIENCE),
        nats=NatsSettings(url=SecretStr(endpoints.nats_url), timeout=PATIENCE),
        hooks=HookSettings(bus_patience=PATIENCE),
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        container = app.state.container
        async with container.database.across() as session:
            org_id = await session.scalar(text("SELECT org_id FROM organisations"))
        token = (settings.data / "admin.token").read_text().strip()
        orchestrator = Orchestrator(app, container, org_id, token)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False),
            base_url="http://opsrail.test",
            headers={"Authorization": f"Bearer {token}"},
        ) as root:
            yield Target(orchestrator, root)
    _admin(admin_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hook(target: Target) -> Hook:
    made = await target.root.post("/v1/connections", json={"kind": "cloudevents", "name": "sender"})
    assert made.status_code == 201, made.text
    return Hook(target, made.json()["id"], made.json()["secret"])


def _admin(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
