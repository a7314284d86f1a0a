"""``/v1/approvals``."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from opsrail.approvals import deciding, repository
from opsrail.approvals.deciding import Seen
from opsrail.approvals.models import ApprovalState
from opsrail.approvals.repository import ApprovalFilter, Shown
from opsrail.approvals.schemas import ApprovalView, Deny, Grant, PlanAttach, Standing, TargetView, VoteView
from opsrail.audit.trail import Entry
from opsrail.auth.dependencies import Approver, Reader, Services, Transaction, Writer
from opsrail.auth.principal import Principal
from opsrail.container import Container
from opsrail.errors import NotFound, OrchestratorError
from opsrail.idempotency import IdempotentRoute
from opsrail.pagination import Cursor, Page, Paging, uuid_or_none
from opsrail.problem import COMMON_RESPONSES
from opsrail.runs import service as runs

router = APIRouter(tags=["approvals"], route_class=IdempotentRoute, responses=COMMON_RESPONSES)


def _filter(
    state: Annotated[ApprovalState | None, Query()] = None,
    run_id: Annotated[uuid.UUID | None, Query(description="Of this run")] = None,
) -> ApprovalFilter:
    return ApprovalFilter(state=state, run_id=run_id)


@router.get("/approvals")
async def list_approvals(
    principal: Reader,
    services: Services,
    session: Transaction,
    page: Paging,
    wanted: Annotated[ApprovalFilter, Depends(_filter)],
) -> Page[ApprovalView]:
    """Approvals, newest first."""
    rows = await repository.page(session, page, wanted)
    return page.page(
        rows,
        lambda row: Cursor(row.approval.created_at, str(row.approval.id)),
        lambda row: _view(row, principal, services.settings.approvals.lifetime),
    )


@router.get("/approvals/{approval_id}")
async def get_approval(principal: Reader, services: Services, session: Transaction, approval_id: str) -> ApprovalView:
    """What is to be decided about: the exact input, the plan where there is one, who asked, and why."""
    ident = uuid_or_none(approval_id)
    shown = await repository.show(session, ident) if ident else None
    if shown is None:
        raise NotFound("no such approval")
    return _view(shown, principal, services.settings.approvals.lifetime)


@router.post("/approvals/{approval_id}/grant")
async def grant_approval(principal: Approver, services: Services, approval_id: str, body: Grant) -> ApprovalView:
    """Say yes to exactly the input and plan that were seen. The last yes that is needed queues the run."""
    ident = uuid_or_none(approval_id)
    try:
        async with services.database.organisation(principal.org_id) as session:
            granting = await deciding.grant(
                session,
                principal,
                ident,
                Seen(body.input_hash, body.plan_hash),
                reason=body.reason,
                lifetime=services.settings.approvals.lifetime,
            )
    except OrchestratorError as error:
        _note(services, principal, approval_id, error)
        raise
    if granting.refusal is not None:
        raise granting.refusal
    return await _decided(principal, services, ident, granting.stopping)


@router.post("/approvals/{approval_id}/deny")
async def deny_approval(principal: Approver, services: Services, approval_id: str, body: Deny) -> ApprovalView:
    """Say no. One is enough: the run is denied."""
    ident = uuid_or_none(approval_id)
    try:
        async with services.database.organisation(principal.org_id) as session:
            await deciding.deny(
                session, principal, ident, reason=body.reason, lifetime=services.settings.approvals.lifetime
            )
    except OrchestratorError as error:
        _note(services, principal, approval_id, error)
        raise
    return await _decided(principal, services, ident)


@router.post("/approvals/{approval_id}/plan")
async def attach_plan(principal: Writer, services: Services, approval_id: str, body: PlanAttach) -> ApprovalView:
    """Show approvers what a dry run with the same input said. Another plan than before voids what was granted."""
    ident = uuid_or_none(approval_id)
    async with services.database.organisation(principal.org_id) as session:
        await deciding.attach_plan(
            session, principal, ident, body.run_id, lifetime=services.settings.approvals.lifetime
        )
    return await _decided(principal, services, ident)


async def _decided(
    principal: Principal, services: Container, approval_id: uuid.UUID | None, stopping: Sequence[uuid.UUID] = ()
) -> ApprovalView:
    assert approval_id is not None
    async with services.database.organisation(principal.org_id) as session:
        shown = await repository.show(session, approval_id)
    if shown is None:
        raise NotFound("no such approval")
    await runs.notify(services.hints, principal.org_id, shown.run.id, stopping)
    return _view(shown, principal, services.settings.approvals.lifetime)


def _note(services: Container, principal: Principal, approval_id: str, error: OrchestratorError) -> None:
    entry = Entry(
        actor=principal.id,
        verb="approval.refused",
        target=f"approval:{approval_id}",
        outcome="denied",
        reason=f"{error.code}: {error.detail}",
    )
    services.refusals.note(principal.org_id, entry)


def _view(shown: Shown, principal: Principal, lifetime: timedelta) -> ApprovalView:
    approval, run = shown.approval, shown.run
    context = shown.question.get("context", {})
    obstacle = deciding.objection(principal, approval)
    return ApprovalView(
        id=approval.id,
        run_id=run.id,
        state=ApprovalState(approval.state),
        agent=run.agent,
        action=run.action,
        risk=run.risk,
        input=run.input,
        input_hash=approval.input_hash,
        plan=approval.plan,
        plan_hash=approval.plan_hash,
        plan_run_id=approval.plan_run_id,
        target=TargetView.model_validate(shown.question.get("resource", {})),
        blast_radius=context.get("blast_radius"),
        change_size=context.get("change_size"),
        cost=context.get("cost"),
        asked_by=approval.asked_by,
        asked_by_person=approval.asked_by_person,
        reason=approval.reason,
        policies=approval.policies,
        obstacles=approval.obstacles,
        approver_role=approval.approver_role,
        needed=approval.needed,
        votes=[VoteView.model_validate(vote) for vote in shown.votes],
        you=Standing(may_grant=obstacle is None, why_not=obstacle.code if obstacle else None),
        decision_id=approval.decision_id,
        granting_decision_id=approval.granting_decision_id,
        correlation_id=run.correlation_id,
        end_reason=approval.end_reason,
        created_at=approval.created_at,
        expires_at=approval.expires_at(lifetime),
        ended_at=approval.ended_at,
    )
