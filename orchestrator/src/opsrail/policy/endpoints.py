"""``/v1/policies`` and ``/v1/decisions``."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, status

from opsrail.auth.dependencies import Admin, Operator, Reader, Services, Transaction, Writer
from opsrail.errors import BadRequest, FieldError, NotFound
from opsrail.idempotency import IdempotentRoute
from opsrail.pagination import Cursor, Page, Paging, uuid_or_none
from opsrail.policy import repository, service, vocabulary
from opsrail.policy.language import DEFAULT_APPROVER, Outcome, PolicySet
from opsrail.policy.models import Decision, PolicySetRow
from opsrail.policy.repository import DecisionFilter
from opsrail.policy.schemas import (
    Activated,
    Activations,
    ActivationView,
    CaseReport,
    DecisionView,
    PolicyActivate,
    PolicyCheck,
    PolicyChecked,
    PolicyDraft,
    PolicyReplay,
    PolicyTest,
    PolicyVersion,
    PolicyWhole,
    ReplayReport,
    Rule,
    VersionNumber,
)
from opsrail.policy.service import Version
from opsrail.problem import COMMON_RESPONSES

router = APIRouter(tags=["policies"], route_class=IdempotentRoute, responses=COMMON_RESPONSES)


@router.get("/policies")
async def list_policies(principal: Reader, session: Transaction, page: Paging) -> Page[PolicyVersion]:
    """Versions drafted here, newest first. Without one in force the shipped set decides: version 0."""
    past = [item.version for item in await repository.activations(session, principal.org_id)]
    rows = await repository.list_sets(session, page)
    return page.page(
        rows,
        lambda row: Cursor(row.created_at, str(row.version)),
        lambda row: PolicyVersion.model_validate(_summary(row, service.state_of(row, past))),
    )


@router.post("/policies", status_code=status.HTTP_201_CREATED)
async def draft_policies(principal: Operator, session: Transaction, body: PolicyDraft) -> PolicyWhole:
    """Keep a new version. It decides nothing until it is tested and activated."""
    version, _ = await service.draft(session, principal, body.text, note=body.note, cases=body.cases)
    return _whole(await service.find(session, principal.org_id, version))


@router.get("/policies/active")
async def active_policies(principal: Reader, session: Transaction) -> PolicyWhole:
    """The version in force."""
    return _whole(await service.active(session, principal.org_id))


@router.get("/policies/activations")
async def list_activations(principal: Reader, session: Transaction) -> Activations:
    """Who put which version in force, when and why; the newest hundred, newest first."""
    found = await repository.activations(session, principal.org_id)
    return Activations(items=[ActivationView.model_validate(item) for item in found])


@router.get("/policies/vocabulary")
async def policy_vocabulary(principal: Reader, session: Transaction) -> dict[str, Any]:
    """The Cedar schema that policies are validated against, derived from the installed agents."""
    return vocabulary.of_manifests(await repository.manifests(session, principal.org_id))


@router.post("/policies/validate")
async def validate_policies(principal: Writer, session: Transaction, body: PolicyCheck) -> PolicyChecked:
    """Whether a text would be taken, and how its cases go; nothing is kept."""
    policies = await service.validate(session, principal.org_id, body.text)
    report = await service.try_cases(session, principal.org_id, policies, body.cases) if body.cases else None
    return PolicyChecked(
        digest=policies.digest, rules=_rules(policies), report=CaseReport.model_validate(report) if report else None
    )


@router.post("/policies/replay")
async def replay_policies(principal: Writer, session: Transaction, body: PolicyReplay) -> ReplayReport:
    """What a text, or a version, would have said to the last wishes; nothing is kept."""
    if (body.text is None) == (body.version is None):
        raise BadRequest("send `text` or `version`", errors=[FieldError("text", "one of the two")])
    if body.text is not None:
        policies = await service.validate(session, principal.org_id, body.text)
    else:
        policies = (await service.find(session, principal.org_id, body.version or 0)).policies
    return ReplayReport.model_validate(await service.rehearse(session, principal.org_id, policies, last=body.last))


@router.get("/policies/{version}")
async def get_policies(principal: Reader, session: Transaction, version: VersionNumber) -> PolicyWhole:
    """One version with its text, and the report of its last test."""
    return _whole(await service.find(session, principal.org_id, version))


@router.post("/policies/{version}/test")
async def test_policies(
    principal: Operator, session: Transaction, version: VersionNumber, body: PolicyTest
) -> CaseReport:
    """Run cases against a version and keep them with it; it counts as tested where all pass."""
    return CaseReport.model_validate(await service.test(session, principal, version, body.cases))


@router.post("/policies/{version}/activate")
async def activate_policies(
    principal: Admin, session: Transaction, services: Services, version: VersionNumber, body: PolicyActivate
) -> Activated:
    """Put a version in force, after asking it the last wishes again."""
    report = await service.activate(
        session, principal, version, reason=body.reason, last=body.last, accept=body.accept
    )
    return Activated(version=version, replay=ReplayReport.model_validate(report))


def _filter(
    *,
    outcome: Annotated[list[Outcome] | None, Query(max_length=len(Outcome), description="Any of these")] = None,
    agent: Annotated[str | None, Query(max_length=64)] = None,
    action: Annotated[str | None, Query(max_length=64)] = None,
    asker: Annotated[str | None, Query(max_length=128, description="Such as `agent:ci`")] = None,
    run_id: Annotated[uuid.UUID | None, Query()] = None,
    correlation_id: Annotated[str | None, Query(max_length=128)] = None,
) -> DecisionFilter:
    return DecisionFilter(
        outcome=outcome, agent=agent, action=action, asker=asker, run_id=run_id, correlation_id=correlation_id
    )


@router.get("/decisions")
async def list_decisions(
    _: Reader, session: Transaction, page: Paging, wanted: Annotated[DecisionFilter, Depends(_filter)]
) -> Page[DecisionView]:
    """Decisions, newest first."""
    rows = await repository.list_decisions(session, page, wanted)
    return page.page(rows, lambda row: Cursor(row.created_at, str(row.id)), _decision)


@router.get("/decisions/{decision_id}")
async def get_decision(_: Reader, session: Transaction, decision_id: str) -> DecisionView:
    """One decision, with the whole question."""
    ident = uuid_or_none(decision_id)
    found = await repository.get_decision(session, ident) if ident else None
    if found is None:
        raise NotFound("no such decision")
    return _decision(found)


def _decision(row: Decision) -> DecisionView:
    return DecisionView.model_validate(row)


def _summary(row: PolicySetRow, state: str) -> dict[str, Any]:
    return {
        "version": row.version,
        "state": state,
        "digest": row.digest,
        "note": row.note,
        "created_by": row.created_by,
        "created_at": row.created_at,
        "tested_by": row.tested_by,
        "tested_at": row.tested_at,
    }


_SHIPPED = {
    "note": "shipped with the product",
    "created_by": "opsrail",
    "created_at": None,
    "tested_by": None,
    "tested_at": None,
}


def _whole(found: Version) -> PolicyWhole:
    row = found.row
    summary = _summary(row, found.state) if row else {"version": found.version, "state": found.state, **_SHIPPED}
    return PolicyWhole.model_validate(
        {
            **summary,
            "digest": found.policies.digest,
            "text": found.policies.text,
            "rules": _rules(found.policies),
            "cases": row.cases if row else [],
            "report": row.report if row else None,
        }
    )


def _rules(policies: PolicySet) -> list[Rule]:
    return [
        Rule.model_validate(
            {
                "id": name,
                "effect": rule.effect,
                "reason": rule.reason,
                "approvals": rule.approvals,
                "approver": (rule.approver or DEFAULT_APPROVER) if rule.approvals else None,
            }
        )
        for name, rule in policies.rules.items()
    ]
