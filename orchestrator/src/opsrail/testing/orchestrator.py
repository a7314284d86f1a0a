"""Pytest plugin: a migrated database of its own and empty streams for each test, and an orchestrator on them.

``settings`` is enough for most; ``orchestrator`` is the running application in the test's own loop, with
``client`` to call it as its administrator.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import nats
import pytest
from fastapi import FastAPI
from nats.js.errors import NotFoundError
from psycopg.errors import ObjectInUse
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from opsrail.app import create_app
from opsrail.container import Container
from opsrail.db import migrate
from opsrail.db.engine import Database
from opsrail.embedded.addresses import Endpoints
from opsrail.settings import DatabaseSettings, NatsSettings, RedisSettings, Settings
from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail_sdk.bus import Bus, ensure_streams

PATIENCE = timedelta(seconds=PATIENCE_SECONDS)
_TEMPLATE = "opsrail_template"


@pytest.fixture(scope="session")
def template_database(endpoints: Endpoints, admin_url: str) -> str:
    """A migrated database that the others are cloned from; its name."""
    _admin(admin_url, f'CREATE DATABASE "{_TEMPLATE}" OWNER opsrail')
    migrate.upgrade(_named(endpoints.migration_url, _TEMPLATE))
    return _TEMPLATE


@pytest.fixture
def database_name(template_database: str, admin_url: str) -> Iterator[str]:
    name = f"t_{uuid.uuid4().hex}"
    _admin(admin_url, f'CREATE DATABASE "{name}" TEMPLATE "{template_database}" OWNER opsrail')
    yield name
    _admin(admin_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def settings(endpoints: Endpoints, database_name: str, tmp_path: Path) -> Settings:
    """Settings of an orchestrator on a fresh database, empty streams and an empty cache.

    Its limits are for servers that answer late, as on a busy machine; that one is away is noticed at once.
    """
    asyncio.run(empty_bus(endpoints.nats_url))
    with Redis.from_url(endpoints.redis_url, socket_timeout=PATIENCE_SECONDS) as cache:
        cache.flushdb()
    return Settings(
        data=tmp_path / "data",
        install_agents=False,
        database=DatabaseSettings(
            url=SecretStr(_named(endpoints.database_url, database_name)),
            pool_size=4,
            connect_timeout=PATIENCE,
            statement_timeout=PATIENCE,
        ),
        redis=RedisSettings(url=SecretStr(endpoints.redis_url), timeout=PATIENCE),
        nats=NatsSettings(url=SecretStr(endpoints.nats_url), timeout=PATIENCE),
    )


@pytest.fixture
async def bus(settings: Settings) -> AsyncIterator[Bus]:
    """A bus with its streams, for tests that need no orchestrator."""
    bus = await connected(settings.nats.url.get_secret_value())
    await ensure_streams(bus.js, replicas=1)
    yield bus
    await bus.close()


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The application's view of the test's database."""
    database = Database(settings.database)
    yield database
    await database.close()


@dataclass(frozen=True)
class Orchestrator:
    """A running application and its first organisation."""

    app: FastAPI
    container: Container
    org_id: uuid.UUID
    token: str


@pytest.fixture
async def orchestrator(settings: Settings) -> AsyncIterator[Orchestrator]:
    """The application, started in the test's loop; background loops included."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        container: Container = app.state.container
        async with container.database.across() as session:
            org_id = await session.scalar(text("SELECT org_id FROM organisations"))
        token = (settings.data / "admin.token").read_text().strip()
        yield Orchestrator(app, container, org_id, token)


@pytest.fixture
async def client(orchestrator: Orchestrator) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client with the administrator's token."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(orchestrator.app, raise_app_exceptions=False),
        base_url="http://opsrail.test",
        headers={"Authorization": f"Bearer {orchestrator.token}"},
    ) as client:
        yield client


async def connected(url: str) -> Bus:
    """A bus that waits for late answers."""
    return await Bus.connect(url, name="test", patience=PATIENCE, answer=PATIENCE)


def _named(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def _admin(url: str, statement: str) -> None:
    """PostgreSQL itself waits five seconds for those who still use a database that is copied or dropped."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    give_up = time.monotonic() + PATIENCE_SECONDS
    try:
        while True:
            try:
                with engine.connect() as connection:
                    connection.execute(text(statement))
            except OperationalError as error:
                if not isinstance(error.orig, ObjectInUse) or time.monotonic() > give_up:
                    raise
            else:
                return
    finally:
        engine.dispose()


async def empty_bus(url: str) -> None:
    """Delete every stream, so that a test meets no other test's messages or consumers."""
    connection = await nats.connect(url, connect_timeout=PATIENCE.seconds)
    try:
        manager = connection.jetstream(timeout=PATIENCE_SECONDS)
        for stream in await manager.streams_info():
            with suppress(NotFoundError):
                await manager.delete_stream(stream.config.name or "")
    finally:
        await connection.close()
