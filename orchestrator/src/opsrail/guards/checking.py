"""What the guards object to in one wish. Called by ``policy.gate``, at the wish and again when it is approved.

Budgets and sequence rules count runs that passed them. Whoever checks the same budget for the same target waits for
the other's transaction to end, so that two at once never exceed it, on however many replicas.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.guards import repository
from opsrail.guards.repository import Standing
from opsrail.guards.rules import Budget, Freeze, Selector, Sequence, at_pointer, count_of


@dataclass(frozen=True, kw_only=True)
class GuardRequest:
    """What somebody wants done, as guards see it.

    Attributes:
        run_id: the run that it is to become; what it uses is counted under this id.
        environment: ``""`` where the input does not tell.
        target: what is acted on, as ``policy`` names it; ``""`` where the input does not tell.
        cost: in the organisation's currency; None where nobody knows.
        at: the moment that freeze windows are compared with; now, where None.
    """

    run_id: uuid.UUID
    agent: str
    action: str
    risk: str
    input: Mapping[str, Any]
    dry_run: bool = False
    environment: str = ""
    target: str = ""
    cost: Decimal | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Objection:
    """Why a wish may not become a run now. ``overridable``: unless somebody approves it."""

    code: str
    """``killed``, ``frozen``, ``over_budget``, ``budget_unknown`` or ``too_soon``."""
    reason: str
    overridable: bool


async def check(
    session: AsyncSession, org_id: uuid.UUID, request: GuardRequest, standing: Iterable[Standing]
) -> list[Objection]:
    """What stands against a wish. Dry runs have no effect, so that only a kill switch stops them.

    What is used is noted in the caller's transaction, and counts once the run is queued.

    Args:
        standing: what ``repository.standing`` says about the agent, read in this transaction.
    """
    killed = [Objection("killed", _killed(one), overridable=False) for one in standing if one.kind == "kill"]
    if killed or request.dry_run:
        return killed
    found = []
    for one in standing:
        if _takes(one, request):
            reason = await _judge(session, org_id, one, request)
            if reason is not None:
                found.append(Objection(reason[0], f"{one.name}: {reason[1]}", one.overridable))
    return found


def _takes(one: Standing, request: GuardRequest) -> bool:
    return Selector.model_validate(one.selector).takes(
        agent=request.agent,
        action=request.action,
        environment=request.environment,
        target=request.target,
        risk=request.risk,
    )


_Reason = tuple[str, str]
"""Code, and the words behind the guard's name."""


async def _judge(session: AsyncSession, org_id: uuid.UUID, one: Standing, request: GuardRequest) -> _Reason | None:
    if one.kind == "freeze":
        return _frozen(Freeze.model_validate(one.rule), request.at or datetime.now(UTC))
    if one.kind == "budget":
        return await _spend(session, org_id, one, Budget.model_validate(one.rule), request)
    return await _follow(session, org_id, one, Sequence.model_validate(one.rule), request)


def _frozen(rule: Freeze, at: datetime) -> _Reason | None:
    ends = rule.ends(at)
    return ("frozen", f"frozen until {ends:%Y-%m-%d %H:%M} UTC") if ends else None


async def _spend(
    session: AsyncSession, org_id: uuid.UUID, one: Standing, rule: Budget, request: GuardRequest
) -> _Reason | None:
    limit, amount = rule.limit, Decimal(1)
    if rule.measure == "cost":
        if request.cost is None:
            return None
        amount = request.cost
    elif rule.measure == "share":
        fleet = at_pointer(request.input, rule.fleet)
        if fleet is None:
            return None
        size, affected = count_of(fleet), count_of(at_pointer(request.input, rule.affected))
        if not size or affected is None:
            return "budget_unknown", f"the input names a fleet, but not how much of it ({rule.affected})"
        limit, amount = rule.limit * size, affected
    key = _shared_by(rule.per, request)
    used = await repository.use(session, org_id, one.id, request.run_id, key, amount=amount, window=rule.window)
    if used + amount <= limit:
        return None
    unit = {"actions": "actions", "cost": "of cost", "share": "of the fleet"}[rule.measure]
    return "over_budget", f"{used:f} used and {amount:f} asked for, of {limit:f} {unit} within {rule.window}"


async def _follow(
    session: AsyncSession, org_id: uuid.UUID, one: Standing, rule: Sequence, request: GuardRequest
) -> _Reason | None:
    key = f"{request.agent}.{request.action} {_shared_by('target', request)}"
    before = await repository.use(
        session,
        org_id,
        one.id,
        request.run_id,
        key,
        amount=Decimal(1),
        window=rule.within,
        unless=[str(state) for state in rule.unless],
    )
    if not before:
        return None
    return "too_soon", f"the same was done to {request.target or 'this'} within {rule.within}, and is not yet settled"


def _shared_by(per: str, request: GuardRequest) -> str:
    """Where the input names no target, all such wishes of an environment share one."""
    return {
        "target": f"{request.environment}/{request.target}",
        "environment": request.environment,
        "agent": request.agent,
        "organisation": "",
    }[per]


def _killed(one: Standing) -> str:
    who = "every agent" if one.name == "*" else f"the agent {one.name!r}"
    return f"{who} is stopped by the kill switch: {one.rule['reason']}"
