"""Waits until a run has come somewhere, woken by hints. Called by routes with a long poll."""

import uuid
from collections.abc import Callable
from time import monotonic

from opsrail.db.engine import Database
from opsrail.runs import service
from opsrail.runs.models import Run
from opsrail.stream.hints import Hints
from opsrail_sdk.contracts.run import FINISHED

_POLL_SECONDS = 2.0


def finished(run: Run) -> bool:
    return run.state in FINISHED


def cancel_sent(run: Run) -> bool:
    """It has ended, or its holder has been told to end it."""
    return finished(run) or run.cancel_sent_at is not None


async def until(
    database: Database,
    hints: Hints,
    org_id: uuid.UUID,
    run_id: uuid.UUID,
    *,
    reached: Callable[[Run], bool],
    seconds: float,
) -> Run:
    """The run once it is where ``reached`` says, or as it is after ``seconds``.

    Raises:
        NotFound: no such run.
    """
    give_up = monotonic() + seconds
    with hints.listen("run", org_id=org_id, ident=run_id) as listener:
        while True:
            async with database.organisation(org_id) as session:
                run = await service.find(session, run_id)
            left = give_up - monotonic()
            if reached(run) or left <= 0:
                return run
            await listener.wait(min(left, _POLL_SECONDS))
