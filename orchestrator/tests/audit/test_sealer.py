"""Every committed entry gets one place in its organisation's chain, whatever the order of commits."""

import asyncio
import uuid

from sqlalchemy import text

from opsrail.audit.chain import GENESIS, digest, record_of
from opsrail.audit.sealer import CHECKPOINT_TYPE, ChainSealer
from opsrail.audit.trail import INSTANCE, Entry, record
from opsrail.db.engine import Database
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail_sdk.bus import Bus

from .conftest import ORG, write

LATE = Entry(actor="user:late", verb="thing.changed", target="thing:late", outcome="succeeded")


async def test_positions_have_no_gap_and_each_hash_covers_the_one_before(
    database: Database, sealer: ChainSealer
) -> None:
    other = uuid.uuid4()
    await write(database, 3)
    await write(database, 2, other)
    await write(database, 2)
    assert await sealer.seal() == 7
    assert await sealer.seal() == 0
    async with database.across() as session:
        rows = (await session.execute(text("SELECT * FROM audit_entries ORDER BY org_id, position"))).all()
    assert [row.position for row in rows if row.org_id == ORG] == [1, 2, 3, 4, 5]
    assert [row.position for row in rows if row.org_id == other] == [1, 2]
    head = GENESIS
    for row in rows:
        if row.org_id == ORG:
            head = digest(head, record_of(row))
            assert bytes(row.hash) == head


async def test_an_entry_that_commits_late_is_not_passed_over(database: Database, sealer: ChainSealer) -> None:
    async with database.organisation(ORG) as session:
        await record(session, ORG, LATE)
        await write(database, 3)
        assert await sealer.seal() == 3
    assert await sealer.seal() == 1
    async with database.across() as session:
        late = (await session.execute(text("SELECT id, position FROM audit_entries ORDER BY position DESC"))).all()
    assert [row.position for row in late] == [4, 3, 2, 1]
    assert late[0].id == min(row.id for row in late)


async def test_writers_do_not_wait_for_each_other_nor_for_the_sealer(database: Database, sealer: ChainSealer) -> None:
    async with database.organisation(ORG) as first:
        await record(first, ORG, LATE)
        async with database.organisation(ORG) as second, asyncio.timeout(PATIENCE_SECONDS):
            await record(second, ORG, LATE)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await sealer.seal() == 1


async def test_one_replica_at_a_time_seals(database: Database, sealer: ChainSealer) -> None:
    await write(database, 500)
    counts = await asyncio.gather(*(sealer.seal() for _ in range(4)))
    assert sum(counts) == 500
    async with database.across() as session:
        positions = (await session.scalars(text("SELECT position FROM audit_entries ORDER BY position"))).all()
    assert list(positions) == list(range(1, 501))


async def test_a_checkpoint_is_also_published(bus: Bus, chain: None) -> None:
    last = await bus.last("EVENTS", f"opsrail.{ORG}.event.{CHECKPOINT_TYPE}")
    assert last is not None
    assert b'"position":10' in last.body


async def test_the_instance_has_a_chain_and_the_running_product_seals_it(orchestrator: Orchestrator) -> None:
    database = orchestrator.container.database
    async with database.across() as session:
        await record(session, INSTANCE, LATE)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with database.organisation(INSTANCE) as session:
                if await session.scalar(text("SELECT position FROM audit_entries WHERE actor = 'user:late'")):
                    return
            await asyncio.sleep(0.05)
