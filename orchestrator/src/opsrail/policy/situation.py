"""What a decision has to know from the database, in two statements, and what of it may be kept.

A manifest and a policy set are kept in the process, under the version that the statement reads in the decision's own
transaction. So no replica ever decides by a set or a manifest that another has replaced, and no hint can get lost.
"""

import uuid
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail import guards
from opsrail.guards import Standing
from opsrail.policy import shipped
from opsrail.policy.language import PolicySet

_MOST_SETS = 256
_MOST_MANIFESTS = 2048
_MOST_FAILURES = 1000

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """The values used last, a bounded number of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable) -> Value | None:
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Hashable, value: Value) -> Value:
        self._values[key] = value
        if len(self._values) > self._most:
            self._values.popitem(last=False)
        return value


@dataclass(frozen=True)
class Installed:
    """What of an agent's manifest decides about wishes."""

    actions: Mapping[str, Mapping[str, Any]]
    """Specs by name."""
    requests: frozenset[str]
    """Actions that it may ask for, as ``agent.action``."""


@dataclass(frozen=True)
class Situation:
    """``installed`` is None where the agent is not; ``existing`` is the run that has the wish's key already."""

    installed: Installed | None
    asking: Installed | None
    """The agent that asks, where an agent does and is installed."""
    existing: uuid.UUID | None
    recent_failures: int
    policy_version: int
    policies: PolicySet
    standing: tuple[Standing, ...]
    """Guards, and kill switches of the agent."""


_manifests: Kept[Installed] = Kept(_MOST_MANIFESTS)
_sets: Kept[PolicySet] = Kept(_MOST_SETS)


async def look(
    session: AsyncSession,
    org_id: uuid.UUID,
    *,
    agent: str,
    action: str,
    asking_agent: str | None = None,
    key: str | None = None,
) -> Situation:
    """The situation of a wish for ``agent.action``."""
    values = {"org": org_id, "agent": agent, "action": action, "asking": asking_agent, "key": key}
    row = (await session.execute(_LOOK, values)).one()
    return Situation(
        installed=await _installed(session, org_id, agent, row.agent_stamp),
        asking=await _installed(session, org_id, asking_agent or "", row.asking_stamp),
        existing=row.existing,
        recent_failures=row.failures,
        policy_version=row.version,
        policies=await policies_of(session, org_id, row.version),
        standing=tuple(await guards.standing(session, org_id, agent)),
    )


async def policies_of(session: AsyncSession, org_id: uuid.UUID, version: int) -> PolicySet:
    """A version's set, parsed; the version must exist."""
    if version == shipped.VERSION:
        return shipped.policies()
    known = _sets.get((org_id, version))
    if known is not None:
        return known
    source = await session.scalar(
        text("SELECT text FROM policy_sets WHERE org_id = :org AND version = :version"),
        {"org": org_id, "version": version},
    )
    return _sets.put((org_id, version), PolicySet(str(source)))


async def _installed(session: AsyncSession, org_id: uuid.UUID, agent: str, stamp: str | None) -> Installed | None:
    if stamp is None:
        return None
    key = (org_id, agent, stamp)
    known = _manifests.get(key)
    if known is not None:
        return known
    manifest = await session.scalar(
        text("SELECT manifest FROM agents WHERE org_id = :org AND id = :agent"), {"org": org_id, "agent": agent}
    )
    actions = {spec["name"]: spec for spec in manifest.get("actions", ())}
    return _manifests.put(key, Installed(actions, frozenset(manifest.get("requests", ()))))


_LOOK = text(
    f"""
    SELECT
      (SELECT xmin::text FROM agents WHERE org_id = :org AND id = :agent AND NOT removing) AS agent_stamp,
      (SELECT xmin::text FROM agents WHERE org_id = :org AND id = :asking AND NOT removing) AS asking_stamp,
      (SELECT id FROM runs WHERE org_id = :org AND request_key = :key) AS existing,
      (SELECT count(*) FROM (
         SELECT FROM runs WHERE org_id = :org AND agent = :agent AND action = :action
           AND state IN ('failed', 'timed_out', 'interrupted', 'unverified')
           AND finished_at > now() - interval '1 hour' LIMIT {_MOST_FAILURES}) failed) AS failures,
      coalesce((SELECT version FROM policy_activations WHERE org_id = :org ORDER BY id DESC LIMIT 1), 0) AS version
    """  # noqa: S608 (a number of ours)
)
"""``xmin`` is the transaction that wrote the row last, so it stamps the manifest."""
