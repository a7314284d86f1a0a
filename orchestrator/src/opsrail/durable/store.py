"""All SQL of the engine, on a few connections of its own in autocommit: each statement is one transaction."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from psycopg.rows import namedtuple_row
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import make_url

from opsrail.batching import Batching
from opsrail.db.engine import WORKER_ROLE
from opsrail.durable.flows import Registry
from opsrail.durable.schedule import Entry
from opsrail.runs.parents import RunKey, wake_parents
from opsrail.settings import DatabaseSettings

_BATCH = 200


@dataclass(frozen=True)
class Claimed:
    """A flow that this worker holds."""

    id: uuid.UUID
    org_id: uuid.UUID
    name: str
    version: int
    input: dict[str, Any]
    correlation_id: str
    traceparent: str | None
    attempt: int
    wakes: int
    cancel_reason: str | None
    journal: list[Entry]


@dataclass(frozen=True)
class Write:
    """An entry to be journalled by the holder of a lease. ``take`` names a signal whose payload is the result."""

    run_id: uuid.UUID
    owner: str
    entry: Entry
    take: str | None = None


@dataclass(frozen=True)
class Settled:
    """What becomes of a flow that a worker lets go of: finished, or to be looked at again."""

    run_id: uuid.UUID
    owner: str
    state: str
    wakes: int
    wake_at: datetime | None = None
    output: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


@dataclass(frozen=True)
class Call:
    """Where a held flow stands: what has called for it since it was claimed."""

    wakes: int
    cancel_reason: str | None


class Store:
    """The engine's view of the database. ``open`` before use."""

    def __init__(self, settings: DatabaseSettings, *, connections: int = 4) -> None:
        url = make_url(settings.url.get_secret_value()).set(drivername="postgresql")
        self._pool = AsyncConnectionPool(
            url.render_as_string(hide_password=False),
            min_size=1,
            max_size=connections,
            open=False,
            kwargs={
                "autocommit": True,
                "options": f"-c role={WORKER_ROLE} -c timezone=UTC",
                "application_name": "opsrail flows",
                "row_factory": namedtuple_row,
            },
        )
        self._journal = Batching(self._write_entries, limit=_BATCH)
        self._settle = Batching(self._write_settled, limit=_BATCH)

    async def open(self) -> None:
        await self._pool.open()

    async def close(self) -> None:
        await self._journal.close()
        await self._settle.close()
        await self._pool.close()

    async def claim(self, owner: str, registry: Registry, *, lease: timedelta, limit: int) -> list[Claimed]:
        """Take due flows that this worker knows, with their journals."""
        names, versions = _columns(registry.known())
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_CLAIM, (names, versions, limit, owner, lease))
            rows: list[Any] = await cursor.fetchall()
            journals: dict[uuid.UUID, list[Entry]] = {row.id: [] for row in rows}
            if rows:
                cursor = await connection.execute(_JOURNALS, (list(journals),))
                steps: list[Any] = await cursor.fetchall()
                for step in steps:
                    journals[step.run_id].append(Entry(*step[1:]))
        return [
            Claimed(
                row.id,
                row.org_id,
                row.action,
                row.flow_version,
                row.input,
                row.correlation_id,
                row.traceparent,
                row.attempt,
                row.wakes,
                row.cancel_reason if row.cancel_requested_at else None,
                journals[row.id],
            )
            for row in rows
        ]

    async def explain_waiting(self, registry: Registry) -> None:
        """Say on due flows that nobody here knows why they wait; who claims one takes the remark away."""
        names, versions = _columns(registry.known())
        async with self._pool.connection() as connection:
            await connection.execute(_EXPLAIN, (names, versions))

    async def heartbeat(self, owner: str, held: Sequence[uuid.UUID], *, lease: timedelta) -> dict[uuid.UUID, Call]:
        """Extend the leases; what is missing from the answer is no longer ours."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_HEARTBEAT, (lease, list(held), owner))
            rows: list[Any] = await cursor.fetchall()
        return {row.id: Call(row.wakes, row.cancel_reason if row.cancel_requested_at else None) for row in rows}

    async def write(self, entry: Write) -> Entry | None:
        """Journal an entry, as the database reads it back; None where the lease is lost or the signal not there."""
        return await self._journal(entry)

    async def settle(self, settled: Settled) -> tuple[bool, list[RunKey]]:
        """Let go of a flow: whether it was still ours, and the parents that its end wakes."""
        return await self._settle(settled)

    async def _write_entries(self, writes: Sequence[Write]) -> list[Entry | None]:
        body = orjson.dumps([_row(index, write) for index, write in enumerate(writes)]).decode()
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_WRITE, (body,))
            rows: list[Any] = await cursor.fetchall()
        written = {(row.run_id, row.key): row.result for row in rows}
        return [_written(write, written) for write in writes]

    async def _write_settled(self, batch: Sequence[Settled]) -> list[tuple[bool, list[RunKey]]]:
        body = orjson.dumps(
            [
                {
                    "id": each.run_id,
                    "owner": each.owner,
                    "state": each.state,
                    "wakes": each.wakes,
                    "wake_at": each.wake_at,
                    "output": each.output,
                    "error": each.error,
                }
                for each in batch
            ]
        ).decode()
        async with self._pool.connection() as connection, connection.transaction():
            cursor = await connection.execute(_SETTLE, (body,))
            rows: list[Any] = await cursor.fetchall()
            kept = {row.id for row in rows}
            ended = [row.id for row in rows if row.finished and row.parent_id is not None]
            woken = await wake_parents(connection, ended) if ended else []
        return [(each.run_id in kept, woken if index == 0 else []) for index, each in enumerate(batch)]


def _columns(pairs: Sequence[tuple[str, int]]) -> tuple[list[str], list[int]]:
    return [name for name, _ in pairs], [version for _, version in pairs]


def _row(index: int, write: Write) -> dict[str, Any]:
    entry = write.entry
    return {
        "index": index,
        "run_id": write.run_id,
        "owner": write.owner,
        "key": entry.key,
        "kind": entry.kind,
        "attempt": entry.attempt,
        "wake_at": entry.wake_at,
        "result": entry.result,
        "error": entry.error,
        "finished": entry.finished,
        "take": write.take,
    }


def _written(write: Write, written: dict[tuple[uuid.UUID, str], Any]) -> Entry | None:
    key = (write.run_id, write.entry.key)
    if key not in written:
        return None
    entry = write.entry
    return Entry(entry.key, entry.kind, entry.attempt, entry.wake_at, written[key], entry.error, entry.finished)


_CLAIM = """
    WITH known AS (SELECT * FROM unnest(%s::text[], %s::int[]) AS k(name, version)),
    due AS (
      SELECT r.id FROM runs r JOIN known k ON k.name = r.action AND k.version = r.flow_version
      WHERE r.kind = 'flow' AND r.state IN ('queued', 'running') AND r.available_at <= now()
        AND (r.lease_until IS NULL OR r.lease_until < now())
      ORDER BY r.available_at LIMIT %s FOR UPDATE OF r SKIP LOCKED
    )
    UPDATE runs r SET
      state = 'running', message = NULL, announced = r.announced AND r.state = 'running',
      attempt = CASE WHEN r.attempt = 0 OR r.lease_owner IS NOT NULL THEN r.attempt + 1 ELSE r.attempt END,
      started_at = coalesce(r.started_at, now()), updated_at = now(),
      lease_owner = %s, lease_until = now() + %s
    FROM due WHERE r.id = due.id
    RETURNING r.id, r.org_id, r.action, r.flow_version, r.input, r.correlation_id, r.traceparent, r.attempt,
              r.wakes, r.cancel_requested_at, r.cancel_reason
"""
"""``attempt`` counts processes that had the flow: it grows at first, and when a lease ran out in somebody's hands."""

_JOURNALS = """
    SELECT run_id, key, kind, attempt, wake_at, result, error, finished_at IS NOT NULL
    FROM run_steps WHERE run_id = ANY(%s)
"""
"""A statement of its own, after the claim: a claim can take a flow that a sibling had in hand and put down since the
claim's snapshot was made, and would not see what that one journalled."""

_EXPLAIN = """
    UPDATE runs r SET message = format('waits for a worker that knows %%s version %%s', r.action, r.flow_version)
    WHERE r.kind = 'flow' AND r.state IN ('queued', 'running') AND r.available_at < now() - interval '2 seconds'
      AND (r.lease_until IS NULL OR r.lease_until < now())
      AND NOT EXISTS (SELECT FROM unnest(%s::text[], %s::int[]) AS k(name, version)
                      WHERE k.name = r.action AND k.version = r.flow_version)
      AND r.message IS NULL
"""

_HEARTBEAT = """
    UPDATE runs SET lease_until = now() + %s WHERE id = ANY(%s) AND lease_owner = %s
    RETURNING id, wakes, cancel_requested_at, cancel_reason
"""

_WRITE = """
    WITH given AS (
      SELECT * FROM jsonb_to_recordset(%s::jsonb) AS g(
        index int, run_id uuid, owner text, key text, kind text, attempt int, wake_at timestamptz, result jsonb,
        error jsonb, finished boolean, take text)
    ), held AS (
      SELECT g.*, r.org_id FROM given g JOIN runs r ON r.id = g.run_id AND r.lease_owner = g.owner
    ), wanted AS (
      SELECT h.run_id, h.key, (
        SELECT s.id FROM run_signals s WHERE s.run_id = h.run_id AND s.name = h.take AND s.taken_by IS NULL
        ORDER BY s.id OFFSET (SELECT count(*) FROM held o WHERE o.run_id = h.run_id AND o.take = h.take
                              AND o.index < h.index) LIMIT 1) AS signal_id
      FROM held h WHERE h.take IS NOT NULL
    ), taken AS (
      UPDATE run_signals s SET taken_by = w.key FROM wanted w
      WHERE s.id = w.signal_id AND s.taken_by IS NULL
        AND NOT EXISTS (SELECT FROM run_steps d
                        WHERE d.run_id = w.run_id AND d.key = w.key AND d.finished_at IS NOT NULL)
      RETURNING w.run_id, w.key, s.payload
    )
    INSERT INTO run_steps AS s (org_id, run_id, key, kind, attempt, wake_at, result, error, finished_at)
    SELECT h.org_id, h.run_id, h.key, h.kind, h.attempt, h.wake_at,
           CASE WHEN h.take IS NULL THEN h.result ELSE t.payload END, h.error,
           CASE WHEN h.finished THEN now() END
    FROM held h LEFT JOIN taken t ON t.run_id = h.run_id AND t.key = h.key
    WHERE h.take IS NULL OR t.key IS NOT NULL
    ON CONFLICT (run_id, key) DO UPDATE SET
      attempt = EXCLUDED.attempt, wake_at = EXCLUDED.wake_at, result = EXCLUDED.result, error = EXCLUDED.error,
      finished_at = EXCLUDED.finished_at
      WHERE s.finished_at IS NULL
    RETURNING s.run_id, s.key, s.result
"""
"""Writes of one batch in one statement. Only the lease's holder writes, and nothing that is finished is written
again. A signal is taken in the same breath as the entry that holds its payload; two waits for one name in a batch
take two signals."""

_SETTLE = """
    WITH given AS (
      SELECT * FROM jsonb_to_recordset(%s::jsonb) AS g(
        id uuid, owner text, state text, wakes bigint, wake_at timestamptz, output jsonb, error jsonb)
    )
    UPDATE runs r SET
      state = g.state, output = g.output, error = g.error,
      available_at = CASE WHEN r.wakes <> g.wakes THEN now() ELSE g.wake_at END,
      lease_owner = NULL, lease_until = NULL, updated_at = now(),
      finished_at = CASE WHEN g.state = 'running' THEN NULL ELSE now() END,
      announced = r.announced AND g.state = r.state
    FROM given g WHERE r.id = g.id AND r.lease_owner = g.owner AND r.state = 'running'
    RETURNING r.id, r.parent_id, g.state <> 'running' AS finished
"""
"""``wakes`` is compared on the row as it is when it is locked: a signal that came after the flow was claimed makes it
due at once instead of being slept through."""
