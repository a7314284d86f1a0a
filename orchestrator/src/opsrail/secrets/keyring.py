"""Envelope encryption: a data key per organisation, kept wrapped by the root key, held open in this process.

The root is asked once per organisation and process. ``Keyring.sealer`` is what everybody else uses.
"""

import asyncio
import os
import uuid
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.audit.trail import INSTANCE
from opsrail.db.engine import Database
from opsrail.sealing import KEY_BYTES, Sealer
from opsrail.secrets.roots.base import Root, Wrapped

LOCK = 0x6B657972
"""Advisory lock: a key is made, or wrapped anew, by one process at a time."""


class Keyring:
    """Data keys of every organisation; those of the instance itself are under the nil UUID."""

    def __init__(self, database: Database, root: Root) -> None:
        self.root = root
        self._database = database
        self._keys: dict[uuid.UUID, bytes] = {}
        self._making = asyncio.Lock()

    async def sealer(self, org_id: uuid.UUID = INSTANCE) -> Sealer:
        """Seals for one organisation, and opens what was sealed for it or, before it had a key, for the instance.

        Raises:
            RootUnavailable: the data key cannot be unwrapped now.
        """
        key = await self._key(org_id)
        return Sealer(key) if org_id == INSTANCE else Sealer(key, await self._key(INSTANCE))

    async def _key(self, org_id: uuid.UUID) -> bytes:
        known = self._keys.get(org_id)
        if known is None:
            async with self._making:
                known = self._keys.get(org_id) or await self._load(org_id)
                self._keys[org_id] = known
        return known

    async def _load(self, org_id: uuid.UUID) -> bytes:
        async with self._database.across() as session:
            row = await _find(session, org_id)
            if row is None:
                await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
                row = await _find(session, org_id)
            if row is None:
                return await self._make(session, org_id)
        return await self.root.unwrap(Wrapped(row.root, bytes(row.wrapped)), context=context_of(org_id))

    async def _make(self, session: AsyncSession, org_id: uuid.UUID) -> bytes:
        first = self.root.first_data_key() if org_id == INSTANCE and await _sealed_before(session) else None
        key = first or os.urandom(KEY_BYTES)
        wrapped = await self.root.wrap(key, context=context_of(org_id))
        await session.execute(_INSERT, {"org": org_id, "root": wrapped.version, "wrapped": wrapped.blob})
        return key


def context_of(org_id: uuid.UUID) -> str:
    """What a data key's wrapping is bound to."""
    return f"data_keys/{org_id}"


async def _find(session: AsyncSession, org_id: uuid.UUID) -> Any:
    return (await session.execute(_SELECT, {"org": org_id})).one_or_none()


async def _sealed_before(session: AsyncSession) -> bool:
    """Whether this installation is older than data keys: then the root key itself has sealed values."""
    return bool(await session.scalar(text("SELECT EXISTS (SELECT FROM signing_keys)")))


_SELECT = text("SELECT root, wrapped FROM data_keys WHERE org_id = :org")
_INSERT = text("INSERT INTO data_keys (org_id, root, wrapped) VALUES (:org, :root, :wrapped)")
