"""Moves every data key to the newest version of the root key, while everything goes on running.

Nothing that is sealed changes, only the wrapping of the data keys, a few at a time and each batch committed. A
rotation that was killed goes on where it stopped when it is asked for again; until its end the old version stays.
"""

import uuid
from dataclasses import dataclass

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.audit.trail import INSTANCE, Entry, record
from opsrail.db.engine import Database
from opsrail.secrets.keyring import LOCK, context_of
from opsrail.secrets.roots.base import Root, Wrapped

log = structlog.get_logger()

_BATCH = 20


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Which versions of the root key the data keys hang on."""

    current: str
    keys: int
    stale: int
    """Data keys that an older version wraps: it may not be taken away yet."""


async def standing(database: Database, root: Root) -> Standing:
    """How far it is."""
    current = await root.current()
    async with database.across() as session:
        row = (await session.execute(_COUNT, {"current": current})).one()
    return Standing(current=current, keys=row.keys, stale=row.stale)


async def rotate(database: Database, root: Root, *, by: str) -> Standing:
    """Begin a new version, unless a rotation is under way, and wrap every data key with it.

    Raises:
        RootUnavailable: the root cannot be reached; what was done stays done.
    """
    async with database.across() as session:
        await _locked(session)
        current = await root.current()
        if not (await session.execute(_COUNT, {"current": current})).one().stale:
            await root.renew()
    while not await _wrap_some(database, root, by):
        pass
    return await standing(database, root)


async def _wrap_some(database: Database, root: Root, by: str) -> bool:
    """Wrap a batch anew; whether none was left, and the old versions are gone."""
    async with database.across() as session:
        await _locked(session)
        current = await root.current()
        rows = (await session.execute(_STALE, {"current": current, "limit": _BATCH})).all()
        for row in rows:
            await _wrap(session, root, row.org_id, Wrapped(row.root, bytes(row.wrapped)))
        if rows:
            return False
        await root.retire()
        rotated = Entry(
            actor=by, verb="secret.root_rotated", target=f"root:{current}", outcome="succeeded", reason="asked for"
        )
        await record(session, INSTANCE, rotated)
    log.info("secrets.rotated", root=current)
    return True


async def _wrap(session: AsyncSession, root: Root, org_id: uuid.UUID, old: Wrapped) -> None:
    context = context_of(org_id)
    new = await root.wrap(await root.unwrap(old, context=context), context=context)
    await session.execute(_UPDATE, {"org": org_id, "root": new.version, "wrapped": new.blob})


async def _locked(session: AsyncSession) -> None:
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


_COUNT = text("SELECT count(*) AS keys, count(*) FILTER (WHERE root <> :current) AS stale FROM data_keys")
_STALE = text("SELECT org_id, root, wrapped FROM data_keys WHERE root <> :current ORDER BY org_id LIMIT :limit")
_UPDATE = text("UPDATE data_keys SET root = :root, wrapped = :wrapped, wrapped_at = now() WHERE org_id = :org")
