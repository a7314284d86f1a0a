"""The connection pools and the two kinds of transaction: of one organisation, or across all.

Every session is one transaction, committed when its block ends well. The application's role owns no table
and is no superuser, so row-level security holds for every statement that it can send.
"""

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from sqlalchemy import event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from opsrail.settings import DatabaseSettings

APP_ROLE = "opsrail_app"
WORKER_ROLE = "opsrail_worker"
_SURE_SECONDS = 1.0
"""How long after its last use a connection is believed to be alive."""
_USED = "opsrail used at"


class Database:
    """Pools of one process, one for each role.

    Use ``organisation`` for all that a caller asked for; ``across`` for loops that serve every organisation.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        self.engine, self._workers = _pool(settings, APP_ROLE), _pool(settings, WORKER_ROLE)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._wide_sessions = async_sessionmaker(self._workers, expire_on_commit=False)

    @asynccontextmanager
    async def organisation(self, org_id: uuid.UUID | str) -> AsyncIterator[AsyncSession]:
        """A transaction that sees one organisation's rows alone."""
        async with self._sessions() as session, session.begin():
            await session.execute(text("SELECT set_config('app.org_id', :org, true)"), {"org": str(org_id)})
            yield session

    @asynccontextmanager
    async def across(self) -> AsyncIterator[AsyncSession]:
        """A transaction that sees every organisation; for workers and for looking a token up."""
        async with self._wide_sessions() as session, session.begin():
            yield session

    @asynccontextmanager
    async def raw_across(self) -> AsyncIterator[psycopg.AsyncConnection]:
        """Like ``across``, as a bare psycopg connection in a transaction: for ``COPY`` and hand-tuned SQL."""
        async with self._workers.connect() as pooled, pooled.begin():
            proxied = await pooled.get_raw_connection()
            driver = proxied.driver_connection
            assert isinstance(driver, psycopg.AsyncConnection)
            yield driver

    async def ping(self) -> None:
        """Raises whatever the driver raises when the database is away."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self.engine.dispose()
        await self._workers.dispose()


def _pool(settings: DatabaseSettings, role: str) -> AsyncEngine:
    timeout = int(settings.statement_timeout.total_seconds() * 1000)
    engine = create_async_engine(
        settings.url.get_secret_value(),
        pool_size=settings.pool_size,
        max_overflow=settings.pool_overflow,
        pool_timeout=settings.connect_timeout.total_seconds(),
        pool_use_lifo=True,  # what was used last has its statements prepared and need not be asked whether it lives
        connect_args={
            "options": f"-c role={role} -c statement_timeout={timeout} -c timezone=UTC",
            "connect_timeout": int(settings.connect_timeout.total_seconds()),
            "application_name": "opsrail",
        },
    )
    _ask_after_rest(engine)
    return engine


def _ask_after_rest(engine: AsyncEngine) -> None:
    """Have a connection that was not used for a while prove that it is alive before it is used again.

    SQLAlchemy's ``pool_pre_ping`` asks each time, a round trip for every transaction.
    """
    dialect = engine.sync_engine.dialect

    @event.listens_for(engine.sync_engine, "checkin")
    def used(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        entry.info[_USED] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def ask(connection: DBAPIConnection, entry: ConnectionPoolEntry, _: object) -> None:
        if time.monotonic() - entry.info.get(_USED, time.monotonic()) < _SURE_SECONDS:
            return
        try:
            dialect.do_ping(connection)
        except dialect.dbapi.Error as error:  # type: ignore[union-attr]  # a dialect of a live engine has its driver
            raise DisconnectionError from error
