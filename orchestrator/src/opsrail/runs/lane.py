"""Wishes that come at the same time share a transaction, so one commit carries many. Called by ``endpoints``.

While two transactions of an organisation are under way, its further wishes gather; they are the next one. So a lone
wish waits for nobody, and a crowd of them costs neither a connection nor a sync to disk each. Those of a transaction
are decided one after the other, each as if it were alone: what one of them does wrong is told to it alone.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from psycopg.errors import DeadlockDetected
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.db.engine import Database
from opsrail.errors import OrchestratorError
from opsrail.policy.asker import Asker
from opsrail.policy.situation import Situation
from opsrail.runs import service
from opsrail.runs.service import Created
from opsrail.runs.wish import Wish

MOST_TOGETHER = 32
MOST_TRANSACTIONS = 4
"""At a time, of all organisations."""
MOST_OF_ONE = 2
"""At a time, of one organisation: while one waits for the database, the other is decided."""


@dataclass(frozen=True)
class _Asked:
    wish: Wish
    asker: Asker
    answer: asyncio.Future[Created]


@dataclass
class _Queue:
    waiting: deque[_Asked] = field(default_factory=deque)
    workers: int = 0


class Lane:
    """Makes the runs of one process's requests."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queues: dict[uuid.UUID, _Queue] = {}
        self._room = asyncio.Semaphore(MOST_TRANSACTIONS)
        self._working: set[asyncio.Task[None]] = set()

    async def create(self, org_id: uuid.UUID, wish: Wish, asker: Asker) -> Created:
        """As ``service.create``, committed."""
        asked = _Asked(wish, asker, asyncio.get_running_loop().create_future())
        queue = self._queues.setdefault(org_id, _Queue())
        queue.waiting.append(asked)
        if queue.workers < MOST_OF_ONE:
            queue.workers += 1
            task = asyncio.create_task(self._work(org_id, queue))
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        return await asked.answer

    async def _work(self, org_id: uuid.UUID, queue: _Queue) -> None:
        while queue.waiting:
            async with self._room:
                together = [queue.waiting.popleft() for _ in range(min(len(queue.waiting), MOST_TOGETHER))]
                if together:
                    await self._make(org_id, together)
        queue.workers -= 1
        if not queue.workers:
            del self._queues[org_id]

    async def _make(self, org_id: uuid.UUID, together: Sequence[_Asked]) -> None:
        """All in one transaction; where it fails for a reason that may be one wish's, each in its own."""
        try:
            async with self._database.organisation(org_id) as session:
                made = await _decide(session, org_id, together)
        except Exception as error:  # noqa: BLE001 (whatever it is, somebody waits for it)
            if len(together) > 1 and _may_be_of_one(error):
                for one in together:
                    await self._make(org_id, [one])
            else:
                for one in together:
                    _answer(one, error)
            return
        for one, result in zip(together, made, strict=True):
            _answer(one, result)


async def _decide(
    session: AsyncSession, org_id: uuid.UUID, together: Sequence[_Asked]
) -> list[Created | OrchestratorError]:
    known: dict[tuple[str, str, str], Situation] = {}
    made: list[Created | OrchestratorError] = []
    for one in together:
        what = (one.wish.agent, one.wish.action, one.asker.id)
        if what not in known or one.wish.key is not None:
            known[what] = await service.look(session, org_id, one.wish, one.asker)
        try:
            made.append(await service.create(session, org_id, one.wish, one.asker, known[what]))
        except OrchestratorError as error:
            made.append(error)
    return made


def _may_be_of_one(error: Exception) -> bool:
    """A database that is away is away for all of them."""
    if isinstance(error, OperationalError):
        return isinstance(error.orig, DeadlockDetected)
    return isinstance(error, DBAPIError) or not isinstance(error, (OSError, TimeoutError))


def _answer(asked: _Asked, result: Created | Exception) -> None:
    if asked.answer.done():
        return
    if isinstance(result, Exception):
        asked.answer.set_exception(result)
    else:
        asked.answer.set_result(result)
