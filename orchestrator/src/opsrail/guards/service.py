"""Making, changing and removing guards, and the kill switches. Called by ``endpoints``.

Every change is written to the audit trail in the same transaction. Services do not commit.
"""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.audit.trail import Entry, record
from opsrail.auth.principal import Principal
from opsrail.errors import Conflict, FieldError, Invalid, NotFound, field_errors
from opsrail.guards import repository
from opsrail.guards.models import Guard, KillSwitch
from opsrail.guards.rules import RULES
from opsrail.guards.schemas import GuardCreate, GuardPatch
from opsrail.runs import repository as runs
from opsrail_sdk.contracts.run import RunState

EVERY_AGENT = "*"
_UNDER_WAY = (RunState.QUEUED, RunState.RUNNING)


async def create(session: AsyncSession, by: Principal, body: GuardCreate) -> Guard:
    """A new guard; it holds from the commit on.

    Raises:
        Conflict: the name is taken.
    """
    now = datetime.now(UTC)
    guard = Guard(
        id=uuid.uuid4(),
        org_id=by.org_id,
        kind=body.kind,
        name=body.name,
        selector=body.selector.model_dump(mode="json", exclude_none=True),
        rule=body.rule.model_dump(mode="json"),
        overridable=body.overridable,
        enabled=body.enabled,
        created_by=by.id,
        created_at=now,
        updated_at=now,
    )
    session.add(guard)
    await _flush(session)
    await _record(session, by, "guard.created", guard)
    return guard


async def change(session: AsyncSession, by: Principal, guard_id: uuid.UUID | None, body: GuardPatch) -> Guard:
    """Change what the body names.

    Raises:
        NotFound, Conflict: no such guard; the name is taken.
        Invalid: the rule is not one of the guard's kind.
    """
    guard = await repository.find(session, guard_id, lock=True) if guard_id else None
    if guard is None:
        raise NotFound("no such guard")
    before = _form(guard)
    if body.name is not None:
        guard.name = body.name
    if body.selector is not None:
        guard.selector = body.selector.model_dump(mode="json", exclude_none=True)
    if body.rule is not None:
        guard.rule = _checked(guard.kind, body.rule)
    if body.overridable is not None:
        guard.overridable = body.overridable
    if body.enabled is not None:
        guard.enabled = body.enabled
    guard.updated_at = datetime.now(UTC)
    await _flush(session)
    await _record(session, by, "guard.changed", guard, before=before)
    return guard


async def remove(session: AsyncSession, by: Principal, guard_id: uuid.UUID | None) -> None:
    """Remove a guard and what was counted for it.

    Raises:
        NotFound: no such guard.
    """
    guard = await repository.remove(session, guard_id) if guard_id else None
    if guard is None:
        raise NotFound("no such guard")
    await _record(session, by, "guard.removed", guard)


async def throw(
    session: AsyncSession, by: Principal, agent: str, *, reason: str, cancel_running: bool
) -> tuple[KillSwitch, list[uuid.UUID]]:
    """Stop an agent, or all; and the runs under way that were asked to stop, where that is wanted.

    Raises:
        NotFound: no such agent.
    """
    installed = await repository.agents(session)
    if agent not in (EVERY_AGENT, *installed):
        raise NotFound(f"the agent {agent!r} is not installed", code="agent_unknown")
    switch = await repository.throw(session, by.org_id, agent, reason=reason, by=by.id)
    stopping: list[uuid.UUID] = []
    if cancel_running:
        for each in installed if agent == EVERY_AGENT else [agent]:
            stopping += await runs.cancel_of_agent(
                session, by.org_id, each, f"stopped by the kill switch: {reason}", states=_UNDER_WAY
            )
    detail = {"cancel_running": cancel_running, "cancelled": len(stopping)}
    entry = Entry(
        actor=by.id,
        verb="kill_switch.thrown",
        target=f"agent:{agent}",
        outcome="succeeded",
        reason=reason,
        detail=detail,
    )
    await record(session, by.org_id, entry)
    return switch, stopping


async def release(session: AsyncSession, by: Principal, agent: str) -> None:
    """Let an agent work again; what waited goes out.

    Raises:
        NotFound: the switch is not thrown.
    """
    if not await repository.release(session, agent):
        raise NotFound("this kill switch is not thrown")
    entry = Entry(actor=by.id, verb="kill_switch.released", target=f"agent:{agent}", outcome="succeeded")
    await record(session, by.org_id, entry)


def _checked(kind: str, rule: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return RULES[kind].model_validate(rule).model_dump(mode="json")
    except ValidationError as error:
        fields = field_errors(error.errors(), "rule")
        raise Invalid(f"this is no rule of a {kind}", code="invalid_guard", errors=fields) from error


async def _flush(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict(
            "a guard of this name exists", code="name_taken", errors=[FieldError("name", "taken")]
        ) from error


async def _record(session: AsyncSession, by: Principal, verb: str, guard: Guard, **more: Any) -> None:
    entry = Entry(
        actor=by.id,
        verb=verb,
        target=f"guard:{guard.id}",
        outcome="succeeded",
        reason=guard.name,
        detail={**_form(guard), **more},
    )
    await record(session, by.org_id, entry)


def _form(guard: Guard) -> dict[str, Any]:
    names = ("kind", "name", "selector", "rule", "overridable", "enabled")
    return {name: getattr(guard, name) for name in names}
