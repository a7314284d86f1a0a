"""A chain to play with: entries, sealed and vouched for."""

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import Connection, create_engine, make_url, text

from opsrail.audit.sealer import ChainSealer
from opsrail.audit.settings import AuditSettings
from opsrail.audit.signatory import Signatory
from opsrail.audit.trail import Entry, record_all
from opsrail.db.engine import Database
from opsrail.embedded.addresses import Endpoints
from opsrail.sealing import Sealer
from opsrail.testing.orchestrator import connected
from opsrail_sdk.bus import Bus
from opsrail_sdk.streams import ensure_streams

ORG = uuid.UUID(int=77)


@pytest.fixture
async def bus(database: Database, endpoints: Endpoints) -> AsyncIterator[Bus]:
    bus = await connected(endpoints.nats_url)
    await ensure_streams(bus.js, replicas=1)
    yield bus
    await bus.close()


@pytest.fixture
def signatory(database: Database) -> Signatory:
    return Signatory(database, Sealer(bytes(32)))


@pytest.fixture
def sealer(database: Database, signatory: Signatory, bus: Bus) -> ChainSealer:
    return ChainSealer(database, signatory, bus, AuditSettings())


async def write(database: Database, count: int, org_id: uuid.UUID = ORG) -> None:
    entries = [
        Entry(
            actor="user:u", verb="thing.changed", target=f"thing:{n}", outcome="succeeded", detail={"n": n, "x": 0.5}
        )
        for n in range(count)
    ]
    async with database.across() as session:
        await record_all(session, [(org_id, entry) for entry in entries])


@pytest.fixture
async def chain(database: Database, sealer: ChainSealer) -> None:
    """Ten entries, checkpoints after the fifth and the tenth."""
    async with database.across() as session:
        await session.execute(
            text("INSERT INTO organisations (org_id, slug, title) VALUES (:org, 'o', 'o')"), {"org": ORG}
        )
    for _ in range(2):
        await write(database, 5)
        assert await sealer.seal() == 5
        assert await sealer.checkpoint() == 1


@pytest.fixture
def intruder(admin_url: str, database_name: str) -> Iterator[Connection]:
    """The database's superuser with the triggers off: what no grant keeps out."""
    engine = create_engine(make_url(admin_url).set(database=database_name), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")
        yield connection
    engine.dispose()
