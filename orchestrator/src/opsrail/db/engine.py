"""The connection pool and the two kinds of transaction: of one organisation, or across all.

Every session is one transaction, committed when its block ends well. The application's role owns no table
and is no superuser, so row-level security holds for every statement that it can send.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from opsrail.settings import DatabaseSettings

APP_ROLE = "opsrail_app"
WORKER_ROLE = "opsrail_worker"


class Database:
    """Pool of one process.

    Use ``organisation`` for all that a caller asked for; ``across`` for loops that serve every organisation.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        timeout = int(settings.statement_timeout.total_seconds() * 1000)
        self.engine = create_async_engine(
            settings.url.get_secret_value(),
            pool_size=settings.pool_size,
            max_overflow=settings.pool_overflow,
            pool_timeout=5,
            pool_pre_ping=True,
            connect_args={
                "options": f"-c role={APP_ROLE} -c statement_timeout={timeout} -c timezone=UTC",
                "connect_timeout": 5,
                "application_name": "opsrail",
            },
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def organisation(self, org_id: uuid.UUID | str) -> AsyncIterator[AsyncSession]:
        """A transaction that sees one organisation's rows alone."""
        async with self._sessions() as session, session.begin():
            await session.execute(text("SELECT set_config('app.org_id', :org, true)"), {"org": str(org_id)})
            yield session

    @asynccontextmanager
    async def across(self) -> AsyncIterator[AsyncSession]:
        """A transaction that sees every organisation; for workers and for looking a token up."""
        async with self._sessions() as session, session.begin():
            await session.execute(text(f"SET LOCAL ROLE {WORKER_ROLE}"))
            yield session

    @asynccontextmanager
    async def raw_across(self) -> AsyncIterator[psycopg.AsyncConnection]:
        """Like ``across``, as a bare psycopg connection in a transaction: for ``COPY`` and hand-tuned SQL."""
        async with self.engine.connect() as pooled, pooled.begin():
            await pooled.execute(text(f"SET LOCAL ROLE {WORKER_ROLE}"))
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
