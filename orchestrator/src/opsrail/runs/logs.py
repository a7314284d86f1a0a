"""Reading a run's log: a page, or the lines as they come."""

import uuid
from collections.abc import AsyncGenerator, Sequence
from time import monotonic

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.db.engine import Database
from opsrail.runs import repository
from opsrail.runs.models import Run, RunLogLine
from opsrail.stream.hints import Hints
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import FINISHED
from opsrail_sdk.errors import Unavailable

PAGE = 500
_POLL_SECONDS = 2.0
_GRACE_SECONDS = 30.0
"""How long after its end a run's last lines may take to the database: a replica that died may have held some."""


async def page(session: AsyncSession, run_id: uuid.UUID, *, after: int, limit: int) -> Sequence[RunLogLine]:
    """Lines after a position, in order."""
    statement = (
        select(RunLogLine)
        .where(RunLogLine.run_id == run_id, RunLogLine.position > after)
        .order_by(RunLogLine.position)
        .limit(limit)
    )
    return (await session.scalars(statement)).all()


async def follow(
    database: Database, bus: Bus, hints: Hints, org_id: uuid.UUID, run_id: uuid.UUID, *, after: int
) -> AsyncGenerator[Sequence[RunLogLine]]:
    """Lines after a position as they come; ends when the run has ended and all its lines were given."""
    over: float | None = None
    with hints.listen("run", org_id=org_id, ident=run_id) as listener:
        while True:
            async with database.organisation(org_id) as session:
                run = await repository.get(session, run_id)
                lines = await page(session, run_id, after=after, limit=PAGE)
            if lines:
                after = lines[-1].position
                yield lines
                continue
            if run is None:
                return
            if run.state in FINISHED:
                over = over or monotonic() + _GRACE_SECONDS
                if monotonic() > over or await _complete(bus, run):
                    return
                await listener.wait(0.2)
            else:
                await listener.wait(_POLL_SECONDS)


async def _complete(bus: Bus, run: Run) -> bool:
    """Whether the database has the last lines that the bus has."""
    try:
        last = await bus.last(subjects.RUNS, subjects.run_log(str(run.org_id), run.agent, str(run.id)))
    except Unavailable:
        return True
    return last is None or last.sequence <= run.log_sequence
