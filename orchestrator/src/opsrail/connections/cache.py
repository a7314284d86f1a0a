"""Connections held in the process, for ingress: a webhook costs no database round trip and survives its absence.

Entries are loaded when first asked for, dropped by the ``changed.connection`` hint, and looked up afresh after a
while in case a hint was lost. While the database is away, what is known goes on being served.
"""

import asyncio
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from psycopg import Error as DriverError
from sqlalchemy.exc import SQLAlchemyError

from opsrail.connections import repository, vault
from opsrail.connections.models import Connection
from opsrail.db.engine import Database
from opsrail.hooks.ports import HookConnection
from opsrail.pagination import uuid_or_none
from opsrail.sealing import SealBroken, Sealer
from opsrail.secrets.keyring import Keyring
from opsrail.secrets.roots.base import RootUnavailable
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects

log = structlog.get_logger()

FRESH_SECONDS = 60.0
"""How long an entry is believed without looking: the longest that a lost hint can matter."""
ABSENT_SECONDS = 5.0
"""The same for an id that names nothing."""
LIMIT = 10_000


@dataclass
class _Entry:
    connection: HookConnection | None
    until: float


class ConnectionCache:
    """Implements ``hooks.ports.ConnectionCache``."""

    def __init__(self, database: Database, keyring: Keyring, bus: Bus) -> None:
        self._database = database
        self._keyring = keyring
        self._bus = bus
        self._entries: dict[str, _Entry] = {}
        self._loading: dict[str, asyncio.Task[HookConnection | None]] = {}
        self._subscription: Subscription | None = None
        self._hints = 0

    async def start(self) -> None:
        """Listen for hints."""
        self._subscription = await self._bus.nc.subscribe(subjects.changed("*", "connection", "*"), cb=self._on_hint)

    async def close(self) -> None:
        if self._subscription and not self._bus.nc.is_closed:
            await self._subscription.unsubscribe()
        for task in self._loading.values():
            task.cancel()

    def at_hand(self, connection_id: str) -> HookConnection | None:
        """The connection where it is known and fresh."""
        entry = self._entries.get(connection_id)
        return entry.connection if entry is not None and entry.until > time.monotonic() else None

    async def get(self, connection_id: str) -> HookConnection | None:
        """The connection, or ``None`` where there is none of that id that takes hooks.

        Raises:
            SQLAlchemyError: the database is away and nothing is known of this id yet.
        """
        ident = uuid_or_none(connection_id)
        if ident is None:
            return None
        name = str(ident)
        entry = self._entries.get(name)
        if entry is not None and entry.until > time.monotonic():
            return entry.connection
        # Requests that arrive together share one look-up; one that gives up does not end it for the others.
        task = self._loading.get(name)
        if task is None:
            task = self._loading[name] = asyncio.create_task(self._load(ident))
            task.add_done_callback(lambda _: self._loading.pop(name, None))
        try:
            return await asyncio.shield(task)
        except (SQLAlchemyError, DriverError, RootUnavailable, TimeoutError):
            if entry is None or entry.connection is None:
                raise
            entry.until = time.monotonic() + ABSENT_SECONDS
            log.warning("connections.stale", connection=name, why="the database is away")
            return entry.connection

    async def _load(self, ident: uuid.UUID) -> HookConnection | None:
        hints = self._hints
        async with self._database.across() as session:
            row = await repository.find(session, ident)
        found = None
        if row is not None and row.hook_secret is not None:
            found = self._opened(row, await self._keyring.sealer(row.org_id))
        if len(self._entries) >= LIMIT:
            self._entries.clear()
        # A hint that came while we were reading may be about this row: the answer serves, but is not kept.
        seconds = 0.0 if hints != self._hints else FRESH_SECONDS if found else ABSENT_SECONDS
        self._entries[str(ident)] = _Entry(found, time.monotonic() + seconds)
        return found

    def _opened(self, row: Connection, sealer: Sealer) -> HookConnection | None:
        try:
            assert row.hook_secret is not None
            secret = vault.open_hook_secret(sealer, row, row.hook_secret)
            previous: bytes | None = None
            until = row.previous_hook_secret_until
            if row.previous_hook_secret and until and until > datetime.now(UTC):
                previous = vault.open_hook_secret(sealer, row, row.previous_hook_secret)
        except SealBroken:
            log.exception("connections.seal_broken", connection=str(row.id))
            return None
        return HookConnection(
            id=str(row.id),
            org_id=str(row.org_id),
            kind=row.kind,
            name=row.name,
            secret=secret,
            previous_secret=previous,
            settings=row.settings,
        )

    async def _on_hint(self, message: Msg) -> None:
        self._hints += 1
        ident = uuid_or_none(message.subject.rsplit(".", 1)[-1])
        entry = self._entries.get(str(ident))
        if entry is not None:
            entry.until = 0.0
