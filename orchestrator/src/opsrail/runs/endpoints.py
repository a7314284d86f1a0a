"""``/v1/runs`` and ``/v1/dispatch``."""

import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response, status

from opsrail.auth.dependencies import Reader, Services, Transaction, Writer
from opsrail.auth.principal import Principal
from opsrail.container import Container
from opsrail.errors import BadRequest, FieldError
from opsrail.idempotency import IdempotentRoute, claim_of
from opsrail.pagination import Cursor, Page, Paging, uuid_or_none
from opsrail.policy.asker import Asker, Via
from opsrail.problem import COMMON_RESPONSES
from opsrail.runs import logs, repository, service, signals, waiting
from opsrail.runs.making import Created
from opsrail.runs.models import Run
from opsrail.runs.repository import RunFilter
from opsrail.runs.schemas import (
    DispatchRequest,
    DispatchView,
    Governance,
    LogLineView,
    LogPage,
    RunCreate,
    RunView,
    SignalSend,
)
from opsrail.runs.wish import Wish
from opsrail.stream import sse
from opsrail_sdk.contracts.run import FINISHED, RunState

router = APIRouter(tags=["runs"], route_class=IdempotentRoute, responses=COMMON_RESPONSES)

_CANCEL_PATIENCE = 1.0
"""Seconds that a cancel waits for its effect, so that the answer usually shows it."""


_GOVERNED: dict[int | str, dict[str, Any]] = {202: {"model": RunView, "description": "It waits for approval"}}


@router.post("/runs", status_code=status.HTTP_201_CREATED, responses=_GOVERNED)
async def create_run(
    principal: Writer, services: Services, request: Request, response: Response, body: RunCreate
) -> RunView:
    """Ask for an agent's action. Queued when this answers 201, waiting for approval at 202; 403 says why not."""
    created = await _create(principal, services, request, body, "api")
    if created.run.state == RunState.AWAITING_APPROVAL:
        response.status_code = status.HTTP_202_ACCEPTED
    return _view(created.run)


@router.post("/dispatch", status_code=status.HTTP_202_ACCEPTED, response_model=DispatchView)
async def dispatch(
    principal: Writer, services: Services, request: Request, response: Response, body: DispatchRequest
) -> Response:
    """Say what should happen and in which context; the gate decides, and the answer tells how and why."""
    created = await _create(principal, services, request, body, "dispatch")
    view = DispatchView(
        status=RunState(created.run.state),
        correlation_id=created.run.correlation_id,
        run_id=created.run.id,
        governance=Governance.model_validate(created.governance()),
    )
    return Response(  # FastAPI would check it a second time
        view.model_dump_json(),
        status.HTTP_202_ACCEPTED,
        headers=dict(response.headers),
        media_type="application/json",
    )


async def _create(
    principal: Principal, services: Container, request: Request, body: RunCreate | DispatchRequest, via: Via
) -> Created:
    agent, action = body.names()
    wish = Wish(
        agent=agent,
        action=action,
        input=body.input,
        dry_run=body.dry_run,
        claims=body.context,
        requested_by=principal.id,
        correlation_id=request.state.correlation_id,
        key=claim_of(request),
        traceparent=request.headers.get("traceparent"),
    )
    created = await services.lane.create(principal.org_id, wish, Asker.of(principal, via))
    created.require_allowed()
    return created


def _filter(
    agent: Annotated[str | None, Query(max_length=64)] = None,
    action: Annotated[str | None, Query(max_length=64)] = None,
    state: Annotated[list[RunState] | None, Query(max_length=len(RunState), description="Any of these")] = None,
    correlation_id: Annotated[str | None, Query(max_length=128)] = None,
    parent_id: Annotated[uuid.UUID | None, Query(description="Children of this run")] = None,
) -> RunFilter:
    return RunFilter(agent=agent, action=action, states=state, correlation_id=correlation_id, parent_id=parent_id)


@router.get("/runs")
async def list_runs(
    _: Reader, session: Transaction, page: Paging, wanted: Annotated[RunFilter, Depends(_filter)]
) -> Page[RunView]:
    """Runs, newest first."""
    rows = await repository.list_runs(session, page, wanted)
    return page.page(rows, lambda row: Cursor(row.created_at, str(row.id)), _view)


@router.get("/runs/{run_id}")
async def get_run(
    principal: Reader,
    services: Services,
    run_id: str,
    wait: Annotated[float, Query(ge=0, le=60, description="Seconds to wait for the run's end")] = 0,
) -> RunView:
    """One run; with `wait`, as soon as it has ended or the time is up."""
    run = await waiting.until(
        services.database,
        services.hints,
        principal.org_id,
        await _known(services, principal.org_id, run_id),
        reached=waiting.finished,
        seconds=wait,
    )
    return _view(run)


@router.post("/runs/{run_id}/cancel")
async def cancel_run(principal: Writer, services: Services, run_id: str) -> RunView:
    """Ask a run to end. One that nobody has begun is cancelled at once; an agent is told to stop."""
    ident = await _known(services, principal.org_id, run_id)
    async with services.database.organisation(principal.org_id) as session:
        await service.request_cancel(session, ident, f"cancelled by {principal.id}", by=principal.id)
    await service.notify(services.hints, principal.org_id, ident)
    run = await waiting.until(
        services.database,
        services.hints,
        principal.org_id,
        ident,
        reached=waiting.cancel_sent,
        seconds=_CANCEL_PATIENCE,
    )
    return _view(run)


@router.post("/runs/{run_id}/signals/{name}", status_code=status.HTTP_202_ACCEPTED)
async def send_signal(
    principal: Writer, services: Services, run_id: str, name: str, body: SignalSend
) -> dict[str, str]:
    """Tell a flow something that it waits for, now or later."""
    ident = await _known(services, principal.org_id, run_id)
    async with services.database.organisation(principal.org_id) as session:
        await signals.send(session, ident, name, body.payload, sent_by=principal.id)
        await service.note(session, principal.org_id, principal.id, "run.signalled", ident, detail={"signal": name})
    await service.notify(services.hints, principal.org_id, ident)
    return {"run_id": str(ident), "signal": name}


@dataclass(frozen=True)
class _Window:
    """Which lines are wanted."""

    after: Annotated[int, Query(ge=0, lt=1 << 63, description="Position to read on from")] = 0
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000
    last_event_id: Annotated[str | None, Header()] = None

    @property
    def resume_after(self) -> int:
        return _position(self.last_event_id) if self.last_event_id else self.after


@router.get(
    "/runs/{run_id}/logs",
    response_model=LogPage,
    responses={200: {"content": {sse.MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": "Lines"}},
)
async def run_logs(
    principal: Reader,
    services: Services,
    run_id: str,
    wanted: Annotated[_Window, Depends()],
    accept: Annotated[str, Header()] = "",
) -> Any:
    """A page of log lines; or, asked for `text/event-stream`, the lines as they come, until `event: end`."""
    ident = await _known(services, principal.org_id, run_id)
    if sse.MEDIA_TYPE in accept:
        return sse.response(_stream(services, principal.org_id, ident, wanted.resume_after))
    async with services.database.organisation(principal.org_id) as session:
        run = await service.find(session, ident)
        lines = await logs.page(session, ident, after=wanted.after, limit=wanted.limit)
    more = len(lines) == wanted.limit or run.state not in FINISHED
    following = lines[-1].position if lines else wanted.after
    return LogPage(items=[LogLineView.model_validate(line) for line in lines], next=following if more else None)


async def _stream(services: Container, org_id: uuid.UUID, run_id: uuid.UUID, after: int) -> AsyncGenerator[bytes]:
    yield sse.opening()
    lines = logs.follow(services.database, services.bus, services.hints, org_id, run_id, after=after)
    async for batch in lines:
        yield b"".join(
            sse.message("log", LogLineView.model_validate(line).model_dump(mode="json"), id=str(line.position))
            for line in batch
        )
    async with services.database.organisation(org_id) as session:
        run = await repository.get(session, run_id)
    yield sse.message("end", {"state": run.state if run else "gone"})


def _position(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadRequest("not a position that we gave", errors=[FieldError("Last-Event-ID", "malformed")])
    return int(text)


async def _known(services: Container, org_id: uuid.UUID, text: str) -> uuid.UUID:
    """The id, if there is such a run in the caller's organisation."""
    async with services.database.organisation(org_id) as session:
        return (await service.find(session, uuid_or_none(text))).id


def _view(run: Run) -> RunView:
    return RunView.model_validate(run)
