"""Chains what was committed and signs checkpoints over it. A worker; one replica at a time does it.

Writers do not wait for each other: an entry has no place in the chain until the sealer, which sees only what is
committed, gives it the next one. An entry whose transaction commits late gets a later place, so none is passed over.
"""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge
from psycopg import AsyncConnection
from psycopg.rows import namedtuple_row

from opsrail.audit.chain import GENESIS, digest, record_of
from opsrail.audit.checkpoints import Checkpoint, Kind
from opsrail.audit.settings import AuditSettings
from opsrail.audit.signatory import Signatory
from opsrail.audit.trail import INSTANCE
from opsrail.db.engine import Database
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts.cloudevent import CloudEvent, derived_id
from opsrail_sdk.errors import Unavailable
from opsrail_sdk.tasks import set_within

log = structlog.get_logger()

CHECKPOINT_TYPE = "io.opsrail.audit.checkpointed.v1"
EVERY = timedelta(milliseconds=500)
_BATCH = 2000
_LOCK = 0x7365616C

SEALED = Counter("opsrail_audit_sealed_total", "Audit entries given their place in the chain")
OLDEST = Gauge("opsrail_audit_oldest_unsealed_seconds", "Age of the oldest entry met that had no place yet")


class ChainSealer:
    """The loop."""

    name = "audit-sealer"

    def __init__(self, database: Database, signatory: Signatory, bus: Bus, settings: AuditSettings) -> None:
        self._database = database
        self._signatory = signatory
        self._bus = bus
        self._checkpoint_every = settings.checkpoint_every.total_seconds()

    async def run(self, stop: asyncio.Event) -> None:
        now = asyncio.get_running_loop().time
        checkpoint_at = now() + self._checkpoint_every
        while not stop.is_set():
            full = await self.seal() == _BATCH
            if now() >= checkpoint_at:
                await self.checkpoint()
                checkpoint_at = now() + self._checkpoint_every
            if not full:
                await set_within(EVERY, stop)
        await self.seal()

    async def seal(self) -> int:
        """Give up to a batch of committed entries their places; how many, 0 where another replica does it."""
        async with self._database.raw_across() as connection:
            if not await _alone(connection):
                return 0
            rows = await _rows(connection, _WAITING, [_BATCH])
            if not rows:
                OLDEST.set(0)
                return 0
            heads = await _heads(connection, sorted({row.org_id for row in rows}))
            ids: list[int] = []
            positions: list[int] = []
            hashes: list[bytes] = []
            for org_id, entries in itertools.groupby(rows, key=lambda row: row.org_id):
                position, head = heads[org_id]
                for entry in entries:
                    position += 1
                    head = digest(head, record_of(entry, position=position))
                    ids.append(entry.id)
                    positions.append(position)
                    hashes.append(head)
            await connection.execute(_SEAL, [ids, positions, hashes])
        OLDEST.set((datetime.now(UTC) - min(row.at for row in rows)).total_seconds())
        SEALED.inc(len(ids))
        return len(ids)

    async def checkpoint(self) -> int:
        """Vouch for every chain that grew since its last checkpoint; for how many."""
        made: list[tuple[Checkpoint, str]] = []
        async with self._database.raw_across() as connection:
            if not await _alone(connection):
                return 0
            for row in await _rows(connection, _GREW, [INSTANCE]):
                vouched = Checkpoint(
                    org_id=row.org_id, position=row.position, hash=bytes(row.hash), at=datetime.now(UTC)
                )
                token = await self._signatory.sign(vouched, Kind.CHECKPOINT)
                await connection.execute(_KEEP, [vouched.org_id, vouched.position, vouched.hash, token])
                made.append((vouched, token))
        for vouched, token in made:
            await self._tell(vouched, token)
        return len(made)

    async def _tell(self, vouched: Checkpoint, token: str) -> None:
        """Copies outside of the database. One that gets lost matters little: the next vouches for all before it."""
        org = str(vouched.org_id)
        log.info("audit.checkpoint", org=org, position=vouched.position, hash=vouched.hash.hex(), token=token)
        if vouched.org_id == INSTANCE:
            return
        event = CloudEvent(
            id=derived_id("audit-checkpoint", org, str(vouched.position)),
            source="/opsrail/audit",
            type=CHECKPOINT_TYPE,
            subject=f"audit/{vouched.position}",
            time=vouched.at,
            data={"position": vouched.position, "hash": vouched.hash.hex(), "token": token},
        )
        try:
            await self._bus.publish_events(org, [event])
        except Unavailable as error:
            log.warning("audit.checkpoint_untold", org=org, position=vouched.position, why=str(error))


async def _alone(connection: AsyncConnection[Any]) -> bool:
    cursor = await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
    return (await cursor.fetchone()) == (True,)


async def _rows(connection: AsyncConnection[Any], statement: LiteralString, values: list[Any]) -> list[Any]:
    async with connection.cursor(row_factory=namedtuple_row) as cursor:
        await cursor.execute(statement, values)
        found: list[Any] = await cursor.fetchall()
        return found


async def _heads(connection: AsyncConnection[Any], organisations: list[UUID]) -> dict[UUID, tuple[int, bytes]]:
    cursor = await connection.execute(_HEADS, [organisations])
    found = {row[0]: (row[1], bytes(row[2])) for row in await cursor.fetchall()}
    return {org: found.get(org, (0, GENESIS)) for org in organisations}


_WAITING = """
    SELECT id, org_id, at, actor, verb, target, outcome, reason, decision_id, correlation_id, detail
    FROM (SELECT * FROM audit_entries WHERE position IS NULL ORDER BY id LIMIT %s) AS waiting
    ORDER BY org_id, id
"""
# Where retention dropped every entry, the checkpoint that it kept is the head.
_HEADS = """
    SELECT o.org_id, head.position, head.hash
    FROM unnest(%s::uuid[]) AS o (org_id)
    CROSS JOIN LATERAL (
      SELECT position, hash FROM (
        (SELECT position, hash FROM audit_entries
         WHERE org_id = o.org_id AND position IS NOT NULL ORDER BY position DESC LIMIT 1)
        UNION ALL
        (SELECT position, hash FROM audit_checkpoints WHERE org_id = o.org_id ORDER BY position DESC LIMIT 1)
      ) AS known ORDER BY position DESC LIMIT 1
    ) AS head
"""
_SEAL = """
    UPDATE audit_entries AS e SET position = s.position, hash = s.hash
    FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[]) AS s (id, position, hash)
    WHERE e.id = s.id
"""
_GREW = """
    SELECT o.org_id, head.position, head.hash
    FROM (SELECT org_id FROM organisations UNION ALL SELECT %s) AS o
    CROSS JOIN LATERAL (
      SELECT position, hash FROM audit_entries
      WHERE org_id = o.org_id AND position IS NOT NULL ORDER BY position DESC LIMIT 1
    ) AS head
    LEFT JOIN LATERAL (
      SELECT position FROM audit_checkpoints WHERE org_id = o.org_id ORDER BY position DESC LIMIT 1
    ) AS vouched ON true
    WHERE vouched.position IS NULL OR vouched.position < head.position
"""
_KEEP = "INSERT INTO audit_checkpoints (org_id, position, hash, token) VALUES (%s, %s, %s, %s)"
