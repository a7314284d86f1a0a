"""Tells flows that a run which they wait for has ended. Part of the transaction that ends it."""

import uuid
from collections.abc import Sequence

import psycopg

RunKey = tuple[uuid.UUID, uuid.UUID]
"""Organisation and run."""


async def wake_parents(connection: psycopg.AsyncConnection, finished: Sequence[uuid.UUID]) -> list[RunKey]:
    """Signal ``run:<id>`` to each parent; the flows that are due now."""
    cursor = await connection.execute(
        """
        WITH ended AS (
          SELECT org_id, id, parent_id, state, output, error FROM runs WHERE id = ANY(%s) AND parent_id IS NOT NULL
        ), told AS (
          INSERT INTO run_signals (org_id, run_id, name, payload, sent_by)
          SELECT e.org_id, e.parent_id, 'run:' || e.id,
                 jsonb_build_object('state', e.state, 'output', e.output, 'error', e.error), 'run:' || e.id
          FROM ended e JOIN runs p ON p.id = e.parent_id AND p.org_id = e.org_id
          RETURNING org_id, run_id
        )
        UPDATE runs SET wakes = wakes + 1, available_at = now() FROM told
        WHERE runs.id = told.run_id AND runs.kind = 'flow' RETURNING runs.org_id, runs.id
        """,
        (list(finished),),
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]
