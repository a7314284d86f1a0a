"""Log lines in the order in which they were said, however replicas share the messages. Called by ``outcomes``.

Lines of an attempt are numbered from 1 without holes. A message whose lines do not follow what the database has
waits until another replica, or a redelivery, has brought the lines before it; so a reader's place stays exact.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from opsrail_sdk.contracts.run import LogLine


@dataclass(frozen=True)
class LogPart:
    """The lines of one message. ``overdue``: it has waited so long that what is missing will not come any more."""

    sequence: int
    attempt: int
    lines: Sequence[LogLine]
    overdue: bool = False


Ends = dict[tuple[uuid.UUID, int], int]
"""Number of the last line that the database has, by run and attempt."""


async def ends(connection: psycopg.AsyncConnection, parts: Mapping[uuid.UUID, Sequence[LogPart]]) -> Ends:
    """How far the runs of these parts are."""
    wanted = sorted({(run_id, part.attempt) for run_id, found in parts.items() for part in found})
    if not wanted:
        return {}
    # A subquery for each attempt, since max(n) alone is one look at the end of the index.
    rows = await connection.execute(
        """
        SELECT w.run_id, w.attempt,
               coalesce((SELECT max(n) FROM run_logs l WHERE l.run_id = w.run_id AND l.attempt = w.attempt), 0)
        FROM unnest(%s::uuid[], %s::int[]) AS w(run_id, attempt)
        """,
        ([run_id for run_id, _ in wanted], [attempt for _, attempt in wanted]),
    )
    return {(run_id, attempt): n for run_id, attempt, n in await rows.fetchall()}


def in_order(run_id: uuid.UUID, parts: Sequence[LogPart], known: Ends) -> list[LogPart]:
    """Those of a run's parts that may be written now, in order; the others have to wait."""
    reached = dict(known)
    found = []
    for part in sorted(parts, key=lambda part: part.sequence):
        place = (run_id, part.attempt)
        last = reached.get(place, 0)
        if part.overdue or not part.lines or part.lines[0].n <= last + 1:
            found.append(part)
            reached[place] = max(last, *(line.n for line in part.lines), last)
    return found
