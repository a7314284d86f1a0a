"""``/v1/events``."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Query, Request, status

from opsrail.audit.trail import Entry, record
from opsrail.auth.dependencies import Reader, Services, Transaction, Writer
from opsrail.errors import NotFound
from opsrail.events import repository, service
from opsrail.events.models import Event
from opsrail.events.schemas import EventView, Published
from opsrail.idempotency import IdempotentRoute
from opsrail.moments import Moment
from opsrail.pagination import Cursor, Page, Paging
from opsrail.problem import COMMON_RESPONSES
from opsrail_sdk.contracts.cloudevent import BATCH_CONTENT_TYPE, CONTENT_TYPE, CloudEvent

router = APIRouter(tags=["events"], route_class=IdempotentRoute, responses=COMMON_RESPONSES)

_TYPE = Query(max_length=2048, description="Exact type, or a prefix that ends in `.*`")
_EXACT = Query(max_length=2048)
_SINCE = Query(description="Received at this time or later")

_STRUCTURED = CloudEvent.model_json_schema(ref_template="#/components/schemas/{model}")
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            CONTENT_TYPE: {"schema": _STRUCTURED},
            BATCH_CONTENT_TYPE: {"schema": {"type": "array", "items": _STRUCTURED}},
        },
    }
}


@router.get("/events")
async def list_events(  # noqa: PLR0917 (query parameters, passed by name)
    _: Reader,
    session: Transaction,
    page: Paging,
    type: Annotated[str | None, _TYPE] = None,
    source: Annotated[str | None, _EXACT] = None,
    subject: Annotated[str | None, _EXACT] = None,
    correlation_id: Annotated[str | None, _EXACT] = None,
    connection_id: Annotated[str | None, _EXACT] = None,
    since: Annotated[Moment | None, _SINCE] = None,
) -> Page[EventView]:
    """Events, newest first by time of receipt."""
    filters = repository.Filters(type, source, subject, correlation_id, connection_id, since)
    rows = await repository.list_events(session, filters, page)
    return page.page(rows, lambda row: Cursor(row.received_at, row.id), _view)


@router.get("/events/{event_id}")
async def get_event(
    _: Reader, session: Transaction, event_id: str, source: Annotated[str | None, _EXACT] = None
) -> EventView:
    """One event; `source` tells apart events that share an id."""
    row = await repository.find(session, event_id, source)
    if row is None:
        raise NotFound("no such event")
    return _view(row)


@router.post("/events", status_code=status.HTTP_202_ACCEPTED, openapi_extra=_BODY)
async def publish_events(principal: Writer, services: Services, request: Request) -> Published:
    """Publish CloudEvents, structured, batch or binary. The same `source` and `id` sent again is no new event."""
    body = await request.body()
    wish = Entry(
        actor=principal.id,
        verb="event.published",
        target="events",
        outcome="allowed",
        detail={"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()},
    )
    async with services.database.organisation(principal.org_id) as session:
        await record(session, principal.org_id, wish)
    return Published(events=await service.publish(services.bus, principal, request.headers, body))


def _view(row: Event) -> EventView:
    return EventView.model_validate(row)
