"""Entries stand with the transaction they tell of, and nobody can take them back."""

import uuid

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from opsrail.audit.trail import INSTANCE, Entry, record
from opsrail.db.engine import Database
from opsrail.testing.orchestrator import Orchestrator

ENTRY = Entry(actor="token:t", verb="thing.changed", target="thing:1", outcome="succeeded")


async def count(database: Database) -> int:
    async with database.across() as session:
        return int(await session.scalar(text("SELECT count(*) FROM audit_entries")) or 0)


async def test_an_entry_comes_and_goes_with_its_transaction(database: Database) -> None:
    org = uuid.uuid4()
    async with database.organisation(org) as session:
        await record(session, org, ENTRY)
        await session.rollback()
    assert await count(database) == 0
    async with database.organisation(org) as session:
        await record(session, org, ENTRY)
    assert await count(database) == 1


async def test_an_entry_for_another_organisation_is_refused(database: Database) -> None:
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.organisation(uuid.uuid4()) as session:
            await record(session, uuid.uuid4(), ENTRY)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET actor = 'x'",
        "UPDATE audit_entries SET position = 1, hash = 'x'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "ALTER TABLE audit_entries DISABLE TRIGGER append_only",
        "DELETE FROM audit_checkpoints",
        "INSERT INTO audit_checkpoints (org_id, position, hash, token) VALUES (gen_random_uuid(), 1, '', '')",
        "SELECT audit_forget(current_setting('app.org_id')::uuid, now() - interval '2 days')",
    ],
)
async def test_the_application_cannot_alter_the_trail(database: Database, statement: str) -> None:
    org = uuid.uuid4()
    async with database.organisation(org) as session:
        await record(session, org, ENTRY)
    with pytest.raises(DBAPIError, match=r"permission denied|append-only|must be owner"):
        async with database.organisation(org) as session:
            await session.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET reason = 'x'",
        "UPDATE audit_entries SET position = NULL, hash = NULL",
        "UPDATE audit_entries SET position = 7, hash = 'x'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "SELECT audit_forget('00000000-0000-0000-0000-000000000000', now())",
    ],
)
async def test_nor_can_a_worker_once_it_is_sealed(database: Database, statement: str) -> None:
    async with database.across() as session:
        await record(session, INSTANCE, ENTRY)
        await session.execute(text("UPDATE audit_entries SET position = 1, hash = 'h'"))
    with pytest.raises(DBAPIError, match=r"permission denied|append-only|younger"):
        async with database.across() as session:
            await session.execute(text(statement))


async def test_nobody_dates_an_entry_or_seals_it_himself(database: Database) -> None:
    statement = """
        INSERT INTO audit_entries (org_id, at, actor, verb, target, outcome, reason, detail, position, hash)
        VALUES (:org, 'epoch', 'a', 'v', 't', 'allowed', '', '{}', 1, 'h')
        RETURNING at > now() - interval '1 minute', position, hash
    """
    async with database.across() as session:
        row = (await session.execute(text(statement), {"org": INSTANCE})).one()
    assert tuple(row) == (True, None, None)


async def test_whatever_a_stranger_sends_can_be_written(database: Database) -> None:
    org = uuid.uuid4()
    wild = Entry(
        actor="a\0b",
        verb="v",
        target="\ud800" + "x" * 100_000,
        outcome="denied",
        reason="line\nline\x1b[31m",
        detail={"n\0": ["\udfff", uuid.UUID(int=5), {1: 2}]},
    )
    async with database.organisation(org) as session:
        await record(session, org, wild)
        row = (await session.execute(text("SELECT actor, length(target) AS n, detail FROM audit_entries"))).one()
    assert row.actor == "a\ufffdb"
    assert row.n == 2001
    assert row.detail == {"n\ufffd": ["?", str(uuid.UUID(int=5)), {"1": 2}]}


async def test_an_entry_carries_the_correlation_of_its_request(orchestrator: Orchestrator) -> None:
    refusals = orchestrator.container.refusals
    for n in range(5):
        refusals.note(
            None,
            Entry(
                actor="anonymous", verb="access.refused", target="route:x", outcome="denied", correlation_id=f"c{n}"
            ),
        )
    refusals.note(
        orchestrator.org_id, Entry(actor="anonymous", verb="access.refused", target="route:y", outcome="denied")
    )
    await refusals.close()
    async with orchestrator.container.database.across() as session:
        rows = (
            await session.execute(
                text(
                    "SELECT org_id, target, correlation_id, detail FROM audit_entries"
                    " WHERE verb = 'access.refused' ORDER BY target"
                )
            )
        ).all()
    assert [tuple(row) for row in rows] == [
        (INSTANCE, "route:x", "c0", {"count": 5, "correlation_ids": ["c1", "c2", "c3", "c4"]}),
        (orchestrator.org_id, "route:y", None, {}),
    ]
