"""``/v1/guards`` and ``/v1/kill-switches``."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Path, Query, status

from opsrail.auth.dependencies import Admin, Operator, Reader, Services, Transaction
from opsrail.errors import NotFound
from opsrail.guards import repository, service
from opsrail.guards.models import Guard
from opsrail.guards.rules import Freeze
from opsrail.guards.schemas import (
    GuardCreate,
    GuardPatch,
    GuardView,
    KillAgent,
    KillSwitchList,
    KillSwitchThrow,
    KillSwitchThrown,
    KillSwitchView,
)
from opsrail.idempotency import IdempotentRoute
from opsrail.pagination import Cursor, Page, Paging, uuid_or_none
from opsrail.problem import COMMON_RESPONSES
from opsrail.runs.service import QUEUE

router = APIRouter(tags=["guards"], route_class=IdempotentRoute, responses=COMMON_RESPONSES)

KILLED = "killed"
"""Noun of the hint that a kill switch was thrown."""

Agent = Annotated[KillAgent, Path(description="Id of an agent, or `*` for every one")]


@router.get("/guards")
async def list_guards(
    _: Reader,
    session: Transaction,
    page: Paging,
    kind: Annotated[Literal["freeze", "budget", "sequence"] | None, Query()] = None,
) -> Page[GuardView]:
    """Guards, newest first."""
    rows = await repository.page(session, page, kind)
    return page.page(rows, lambda row: Cursor(row.created_at, str(row.id)), _view)


@router.post("/guards", status_code=status.HTTP_201_CREATED)
async def create_guard(principal: Admin, session: Transaction, body: Annotated[GuardCreate, Body()]) -> GuardView:
    """Make a freeze window, a budget or a sequence rule. It holds from now on."""
    return _view(await service.create(session, principal, body))


@router.get("/guards/{guard_id}")
async def get_guard(_: Reader, session: Transaction, guard_id: str) -> GuardView:
    """One guard."""
    ident = uuid_or_none(guard_id)
    guard = await repository.find(session, ident) if ident else None
    if guard is None:
        raise NotFound("no such guard")
    return _view(guard)


@router.patch("/guards/{guard_id}")
async def change_guard(principal: Admin, session: Transaction, guard_id: str, body: GuardPatch) -> GuardView:
    """Change a guard, or switch it off and on."""
    return _view(await service.change(session, principal, uuid_or_none(guard_id), body))


@router.delete("/guards/{guard_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_guard(principal: Admin, session: Transaction, guard_id: str) -> None:
    """Remove a guard and what was counted for it."""
    await service.remove(session, principal, uuid_or_none(guard_id))


@router.get("/kill-switches")
async def list_kill_switches(_: Reader, session: Transaction) -> KillSwitchList:
    """The switches that are thrown."""
    return KillSwitchList(items=[KillSwitchView.model_validate(row) for row in await repository.switches(session)])


@router.put("/kill-switches/{agent}")
async def throw_kill_switch(
    principal: Operator, services: Services, agent: Agent, body: KillSwitchThrow
) -> KillSwitchThrown:
    """Stop an agent: new wishes are denied, and what is queued stays where it is."""
    async with services.database.organisation(principal.org_id) as session:
        switch, stopping = await service.throw(
            session, principal, agent, reason=body.reason, cancel_running=body.cancel_running
        )
    await services.hints.send(principal.org_id, KILLED, principal.org_id)
    await services.hints.send(principal.org_id, QUEUE, principal.org_id)
    return KillSwitchThrown(**KillSwitchView.model_validate(switch).model_dump(), cancelled=len(stopping))


@router.delete("/kill-switches/{agent}", status_code=status.HTTP_204_NO_CONTENT)
async def release_kill_switch(principal: Admin, services: Services, agent: Agent) -> None:
    """Let an agent work again. What waited in the queue goes out."""
    async with services.database.organisation(principal.org_id) as session:
        await service.release(session, principal, agent)
    await services.hints.send(principal.org_id, QUEUE, principal.org_id)


def _view(guard: Guard) -> GuardView:
    view = GuardView.model_validate(guard)
    if guard.kind != "freeze":
        return view
    now = datetime.now(UTC)
    rule = Freeze.model_validate(guard.rule)
    return view.model_copy(update={"frozen_until": rule.ends(now), "next_freeze": rule.next_start(now)})
