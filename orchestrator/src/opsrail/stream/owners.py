"""Whose a run is: an agent's word about a run counts where the run is its own. Asked by ``merged`` for each status.

The bus keeps an agent to subjects that carry its name; which run belongs to which agent the database knows.
"""

import uuid

from sqlalchemy import text

from opsrail.db.engine import Database
from opsrail.pagination import uuid_or_none

_MOST_REMEMBERED = 50_000


class Owners:
    """One per process, shared by its streams: a run's agent never changes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._agents: dict[tuple[uuid.UUID, str], str] = {}

    async def owns(self, org_id: uuid.UUID, agent: str, run: str) -> bool:
        """Whether the agent was given this run; not where there is no such run."""
        known = self._agents.get((org_id, run))
        if known is None:
            ident = uuid_or_none(run)
            async with self._database.organisation(org_id) as session:
                known = await session.scalar(text("SELECT agent FROM runs WHERE id = :run"), {"run": ident})
            if known is None:
                return False
            if len(self._agents) >= _MOST_REMEMBERED:
                self._agents.clear()
            self._agents[org_id, run] = known
        return agent == known
