"""``/v1/audit``: the trail, its verification, its export. Scope ``operate`` sees it, ``admin`` takes it away."""

import uuid
from collections.abc import AsyncGenerator
from dataclasses import asdict
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.responses import StreamingResponse

from opsrail.audit import export, repository
from opsrail.audit.models import AuditEntry
from opsrail.audit.schemas import EntryView, FaultView, KeyList, VerificationView
from opsrail.audit.trail import INSTANCE, Entry, Outcome, record
from opsrail.audit.verification import Report, examine, verify_database
from opsrail.auth.dependencies import Admin, Operator, Services
from opsrail.auth.principal import Principal, Scope
from opsrail.bootstrap import DEFAULT_SLUG
from opsrail.container import Container
from opsrail.errors import Forbidden
from opsrail.idempotency import IdempotentRoute
from opsrail.moments import Moment
from opsrail.pagination import Cursor, Page, Paging
from opsrail.problem import COMMON_RESPONSES
from opsrail.stream import sse

router = APIRouter(tags=["audit"], route_class=IdempotentRoute, responses=COMMON_RESPONSES)

ChainName = Annotated[
    Literal["organisation", "instance"],
    Query(
        description="`instance`: what belongs to no organisation, such as refused logins; for administrators of the"
        " organisation that was made at the first start"
    ),
]
_EXACT = Query(max_length=2048)


def _chain_of(principal: Principal, chain: str) -> uuid.UUID:
    if chain == "organisation":
        return principal.org_id
    if not principal.may(Scope.ADMIN) or principal.org_slug != DEFAULT_SLUG:
        raise Forbidden("the chain of the instance is for its administrators", code="scope_missing")
    return INSTANCE


def _filters(  # noqa: PLR0917 (query parameters, passed by name)
    actor: Annotated[str | None, _EXACT] = None,
    verb: Annotated[str | None, Query(max_length=200, description="Exact, or a prefix that ends in `.*`")] = None,
    target: Annotated[str | None, _EXACT] = None,
    outcome: Outcome | None = None,
    correlation_id: Annotated[str | None, _EXACT] = None,
    decision_id: uuid.UUID | None = None,
    since: Annotated[Moment | None, Query(description="At this time or later")] = None,
    until: Annotated[Moment | None, Query(description="Before this time")] = None,
) -> repository.Filters:
    return repository.Filters(actor, verb, target, outcome, correlation_id, decision_id, since, until)


@router.get("/audit")
async def list_entries(
    principal: Operator,
    services: Services,
    page: Paging,
    wanted: Annotated[repository.Filters, Depends(_filters)],
    chain: ChainName = "organisation",
) -> Page[EntryView]:
    """Who did what, newest first."""
    async with services.database.organisation(_chain_of(principal, chain)) as session:
        rows = await repository.page(session, wanted, page)
    return page.page(rows, lambda row: Cursor(row.at, str(row.id)), _view)


@router.get(
    "/audit/verify",
    response_model=VerificationView,
    responses={200: {"content": {sse.MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": "What was found"}},
)
async def verify_chain(
    principal: Operator,
    services: Services,
    chain: ChainName = "organisation",
    accept: Annotated[str, Header()] = "",
) -> Any:
    """Check the whole chain; says which entry is the first that does not hold.

    Asked for `text/event-stream`: `progress` messages with the `position` that was reached and `of`, the chain's
    length at the beginning, and what was found as `end`.
    """
    org_id = _chain_of(principal, chain)
    if sse.MEDIA_TYPE in accept:
        return sse.response(_verifying(services, org_id))
    keys = await services.signatory.keys()
    async with services.database.organisation(org_id) as session:
        report = await verify_database(session, org_id, keys, keep=services.settings.audit.keep)
    return _found(org_id, report)


async def _verifying(services: Container, org_id: uuid.UUID) -> AsyncGenerator[bytes]:
    yield sse.opening()
    keys = await services.signatory.keys()
    async with services.database.organisation(org_id) as session:
        length = await repository.last_position(session, org_id)
        async for found in examine(session, org_id, keys, keep=services.settings.audit.keep):
            if isinstance(found, Report):
                yield sse.message("end", _found(org_id, found).model_dump(mode="json"))
            else:
                yield sse.message("progress", {"position": found, "of": length})


def _found(org_id: uuid.UUID, report: Report) -> VerificationView:
    return VerificationView(
        holds=report.holds,
        org_id=org_id,
        after=report.after,
        entries=report.entries,
        head=report.head,
        vouched=report.vouched,
        waiting=report.waiting,
        fault=FaultView(**asdict(report.fault)) if report.fault else None,
    )


@router.get("/audit/keys")
async def list_keys(_: Operator, services: Services) -> KeyList:
    """Public keys to verify exported files with; keep a copy where this instance cannot reach it."""
    return KeyList(keys=await services.signatory.jwks())


@router.get(
    "/audit/export",
    response_class=Response,
    responses={
        200: {
            "description": "A JSON document per line",
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        }
    },
)
async def export_chain(
    principal: Admin,
    services: Services,
    format: Annotated[
        Literal["jsonl", "ocsf"], Query(description="`jsonl` can be verified anywhere, `ocsf` is for SIEMs")
    ] = "jsonl",
    after: Annotated[int | None, Query(ge=0, le=2**62, description="Only what follows this position")] = None,
    chain: ChainName = "organisation",
) -> StreamingResponse:
    """The sealed entries in order. An answer that broke off lacks its signed last line."""
    org_id = _chain_of(principal, chain)
    async with services.database.organisation(org_id) as session:
        start = await export.start_of(session, org_id, after)
        told = {"format": format, "after": start[0]}
        exported = Entry(actor=principal.id, verb="audit.exported", target="audit", outcome="succeeded", detail=told)
        await record(session, org_id, exported)

    async def body() -> AsyncGenerator[bytes]:
        async with services.database.organisation(org_id) as session:
            lines = (
                export.json_lines(session, org_id, services.signatory, start)
                if format == "jsonl"
                else export.ocsf_lines(session, org_id, start)
            )
            async for line in lines:
                yield line

    return StreamingResponse(body(), media_type="application/x-ndjson")


def _view(row: AuditEntry) -> EntryView:
    return EntryView(
        id=row.id,
        at=row.at,
        actor=row.actor,
        verb=row.verb,
        target=row.target,
        outcome=cast("Outcome", row.outcome),
        reason=row.reason,
        decision_id=row.decision_id,
        correlation_id=row.correlation_id,
        detail=row.detail,
        position=row.position,
        hash=row.hash.hex() if row.hash is not None else None,
    )
