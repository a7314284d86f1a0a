"""Writes what agents report into ``runs``, ``run_logs`` and ``artifacts``. Called by ``workers.results``.

One transaction takes a batch of any mix of runs. The rows are locked in the order of their ids, so replicas that
hold statuses of the same runs wait for each other instead of deadlocking.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb

from opsrail.runs import log_order
from opsrail.runs.announcing import state_event
from opsrail.runs.log_order import LogPart
from opsrail.runs.parents import RunKey, wake_parents
from opsrail.runs.progress import Seen, Standing, advance
from opsrail_sdk.contracts.cloudevent import CloudEvent
from opsrail_sdk.contracts.run import FINISHED, ArtifactStored, RunState


class Source(NamedTuple):
    """Who tells of what: the names in a message's subject, which the bus keeps agents to."""

    org_id: uuid.UUID
    agent: str
    run_id: uuid.UUID

    @property
    def run(self) -> RunKey:
        return self.org_id, self.run_id


@dataclass
class Reports:
    """What a batch of messages says about one run."""

    statuses: list[Seen] = field(default_factory=list)
    logs: list[LogPart] = field(default_factory=list)
    artifacts: list[ArtifactStored] = field(default_factory=list)


@dataclass(frozen=True)
class Applied:
    """``events`` are to be published, by organisation, before the messages are acknowledged."""

    events: Mapping[uuid.UUID, Sequence[CloudEvent]]
    changed: Sequence[RunKey]
    woken: Sequence[RunKey]
    """Flows that waited for one of the runs."""
    early: frozenset[int]
    """Sequences of log messages that came before their predecessors: nothing was written of them."""
    unknown: int
    """Runs that have no row, as after retention, or that no agent has a say in."""
    foreign: Sequence[Source]
    """Agents that told of another agent's run: nothing of it was taken."""


async def apply(
    connection: psycopg.AsyncConnection, reports: Mapping[Source, Reports], *, keep: timedelta
) -> Applied:
    """Apply a batch within the connection's transaction.

    Args:
        keep: how long artifacts live that ask for nothing else.
    """
    rows = await _lock(connection, [source.run_id for source in reports])
    theirs = {source: rows[source.run_id] for source in reports if _takes_reports(rows.get(source.run_id), source)}
    known = {source: row for source, row in theirs.items() if row.agent == source.agent}
    ends = await log_order.ends(connection, {key.run_id: reports[key].logs for key in known})
    logs = {key: log_order.in_order(key.run_id, reports[key].logs, ends) for key in known}
    events: defaultdict[uuid.UUID, list[CloudEvent]] = defaultdict(list)
    changes: list[dict[str, Any]] = []
    finished: list[uuid.UUID] = []
    for key, row in known.items():
        before = _standing(row)
        after, facts = advance(before, reports[key].statuses)
        events[key.org_id].extend(
            state_event(
                row,
                status.state,
                at=status.at,
                attempt=status.attempt,
                message=status.message,
                error=status.error.model_dump(mode="json", exclude_none=True) if status.error else None,
            )
            for status in facts
        )
        if after != before or logs[key]:
            changes.append(_change(row, after, logs[key]))
        if after.state in FINISHED and before.state not in FINISHED:
            finished.append(row.id)
    await _insert_lines(connection, known, logs)
    await _insert_artifacts(connection, known, reports, keep)
    if changes:
        await connection.execute(_UPDATE, (Jsonb(changes),))
    woken = await wake_parents(connection, finished) if finished else []
    written = {part.sequence for parts in logs.values() for part in parts}
    early = frozenset(part.sequence for key in known for part in reports[key].logs) - written
    return Applied(
        events,
        changed=[key.run for key in known],
        woken=woken,
        early=early,
        unknown=len(reports) - len(theirs),
        foreign=[key for key in theirs if key not in known],
    )


def _takes_reports(row: Any, source: Source) -> bool:
    return row is not None and row.org_id == source.org_id and row.kind == "action"


async def _lock(connection: psycopg.AsyncConnection, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Any]:
    async with connection.cursor(row_factory=namedtuple_row) as cursor:
        await cursor.execute(
            """
            SELECT id, org_id, kind, agent, action, state, dry_run, attempt, progress, message, instance, output,
                   error, requested_by, cause, parent_id, correlation_id, traceparent, status_sequence,
                   log_position, log_sequence, started_at, finished_at
            FROM runs WHERE id = ANY(%s) ORDER BY id FOR UPDATE
            """,
            (list(ids),),
        )
        rows: list[Any] = await cursor.fetchall()
    return {row.id: row for row in rows}


_UPDATE = """
    UPDATE runs r SET
      state = c.state, attempt = c.attempt, progress = c.progress, message = c.message, instance = c.instance,
      output = c.output, error = c.error, started_at = c.started_at, finished_at = c.finished_at,
      status_sequence = c.sequence, log_position = c.log_position, log_sequence = c.log_sequence,
      announced = r.announced OR c.sequence > r.status_sequence,
      updated_at = CASE WHEN c.sequence > r.status_sequence THEN now() ELSE r.updated_at END
    FROM jsonb_to_recordset(%s) AS c(
      id uuid, was text, state text, attempt int, progress real, message text, instance text, output jsonb,
      error jsonb, started_at timestamptz, finished_at timestamptz, sequence bigint, log_position bigint,
      log_sequence bigint)
    WHERE r.id = c.id AND r.state = c.was
"""
"""The rows are locked and the move was checked; ``was`` makes sure that it is still the move that was checked."""


def _standing(row: Any) -> Standing:
    return Standing(
        state=RunState(row.state),
        attempt=row.attempt,
        sequence=row.status_sequence,
        progress=row.progress,
        message=row.message,
        instance=row.instance,
        output=row.output,
        error=row.error,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def _change(row: Any, after: Standing, logs: Sequence[LogPart]) -> dict[str, Any]:
    values = asdict(after) | {
        "id": str(row.id),
        "was": row.state,
        "log_position": row.log_position + sum(len(part.lines) for part in logs),
        "log_sequence": max([row.log_sequence, *(part.sequence for part in logs)]),
    }
    for name in ("started_at", "finished_at"):
        values[name] = values[name].isoformat() if values[name] else None
    return values


async def _insert_lines(
    connection: psycopg.AsyncConnection, known: Mapping[Source, Any], logs: Mapping[Source, Sequence[LogPart]]
) -> None:
    columns: list[list[Any]] = [[] for _ in range(9)]
    for key, row in known.items():
        lines = [(part.attempt, line) for part in logs[key] for line in part.lines]
        for offset, (attempt, line) in enumerate(lines, start=1):
            values = (
                *key.run,
                row.log_position + offset,
                attempt,
                line.n,
                line.at,
                line.stream,
                line.step,
                line.text,
            )
            for column, value in zip(columns, values, strict=True):
                column.append(value)
    if not columns[0]:
        return
    await connection.execute(
        """
        INSERT INTO run_logs (org_id, run_id, position, attempt, n, at, stream, step, text)
        SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::int[], %s::bigint[], %s::timestamptz[],
                             %s::text[], %s::text[], %s::text[])
        ON CONFLICT (run_id, attempt, n) DO NOTHING
        """,
        columns,
    )


async def _insert_artifacts(
    connection: psycopg.AsyncConnection,
    known: Mapping[Source, Any],
    reports: Mapping[Source, Reports],
    keep: timedelta,
) -> None:
    rows = [
        (
            key.org_id,
            stored.id,
            key.run_id,
            stored.name,
            stored.object_name,
            stored.media_type,
            stored.size,
            stored.digest,
            stored.stored_at,
            stored.expires_at or stored.stored_at + keep,
        )
        for key in known
        for stored in reports[key].artifacts
    ]
    if rows:
        async with connection.cursor() as cursor:
            await cursor.executemany(
                """
                INSERT INTO artifacts
                  (org_id, id, run_id, name, object_name, media_type, size, digest, stored_at, expires_at)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (org_id, id) DO NOTHING
                """,
                rows,
            )
