"""Flows on a real database."""

import uuid
from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy import make_url, text

from opsrail.db.engine import Database
from opsrail.embedded.addresses import Endpoints
from opsrail.settings import Settings
from opsrail.stream.hints import Hints
from opsrail.testing import flow_samples
from opsrail.testing.flow_bench import FlowBench
from opsrail.testing.orchestrator import connected


@pytest.fixture
async def bench(
    settings: Settings, database: Database, endpoints: Endpoints, database_name: str
) -> AsyncIterator[FlowBench]:
    org_id = uuid.uuid4()
    async with database.across() as session:
        await session.execute(
            text("INSERT INTO organisations (org_id, slug, title) VALUES (:org, 'test', 'Test')"), {"org": org_id}
        )
    url = make_url(endpoints.migration_url).set(drivername="postgresql", database=database_name)
    plain = url.render_as_string(hide_password=False)
    async with await psycopg.AsyncConnection.connect(plain, autocommit=True) as outside:
        await outside.execute("CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY, name text, key text)")
        await outside.execute("CREATE TABLE hangs (name text)")
        bus = await connected(settings.nats.url.get_secret_value())
        hints = Hints(bus)
        await hints.start()
        try:
            yield FlowBench(settings, database, hints, org_id, flow_samples.registry(plain), plain, outside)
        finally:
            await hints.close()
            await bus.close()
