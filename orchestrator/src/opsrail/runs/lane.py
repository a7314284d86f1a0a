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

from opsrail.db.engine import Database
from opsrail.policy.asker import Asker
from opsrail.runs import making
from opsrail.runs.making import Created
from opsrail.runs.service import QUEUE
from opsrail.runs.wish import Wish
from opsrail.stream.hints import Hints

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

    def __init__(self, database: Database, hints: Hints) -> None:
        self._database = database
        self._hints = hints
        self._queues: dict[uuid.UUID, _Queue] = {}
        self._room = asyncio.Semaphore(MOST_TRANSACTIONS)
        self._working: set[asyncio.Task[None]] = set()

    async def create(self, org_id: uuid.UUID, wish: Wish, asker: Asker) -> Created:
        """As ``making.create``, committed, and the loops told."""
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
                made = await making.create_all(session, org_id, [(one.wish, one.asker) for one in together])
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
        await self._tell(org_id, [one for one in made if isinstance(one, Created)])

    async def _tell(self, org_id: uuid.UUID, made: Sequence[Created]) -> None:
        """One hint wakes the loops for all."""
        for ident in (ident for one in made for ident in one.stopping):
            await self._hints.send(org_id, "run", ident)
        if made:
            await self._hints.send(org_id, QUEUE, made[-1].run.id)


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
