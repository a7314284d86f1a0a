"""Connections that died while nobody used them are told from those that live."""

import asyncio

import psycopg
import pytest
from sqlalchemy import text

from opsrail.db import engine
from opsrail.db.engine import Database
from opsrail.settings import Settings

END_OTHERS = (
    "SELECT pg_terminate_backend(pid, 120000) FROM pg_stat_activity"
    " WHERE application_name = 'opsrail' AND datname = %s"
)
"""Waits until each is gone, in milliseconds."""


async def _end_connections(database: Database, settings: Settings) -> None:
    url = settings.database.url.get_secret_value().replace("+psycopg", "")
    async with database.across() as session:
        name = (await session.execute(text("SELECT current_database()"))).scalar_one()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as ending:
        assert await (await ending.execute(END_OTHERS, [name])).fetchall()


async def test_a_connection_that_died_at_rest_is_replaced_unnoticed(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_SURE_SECONDS", 0.05)
    await _end_connections(database, settings)
    await asyncio.sleep(0.1)
    async with database.across() as session:
        assert (await session.execute(text("SELECT current_user"))).scalar_one() == engine.WORKER_ROLE
    async with database.raw_across() as connection:
        assert await (await connection.execute("SELECT current_user")).fetchone() == (engine.WORKER_ROLE,)


async def test_each_kind_of_transaction_has_its_role(database: Database) -> None:
    async with database.organisation("0190a5c6-0000-7000-8000-00000000000a") as session:
        assert (await session.execute(text("SELECT current_user"))).scalar_one() == engine.APP_ROLE
    async with database.across() as session:
        assert (await session.execute(text("SELECT current_user"))).scalar_one() == engine.WORKER_ROLE
