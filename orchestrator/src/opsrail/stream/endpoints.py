"""``GET /v1/stream``."""

from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from nats.errors import Error as NatsError

from opsrail.auth.dependencies import Reader, Services
from opsrail.errors import BadRequest, FieldError, Unavailable
from opsrail.idempotency import IdempotentRoute
from opsrail.problem import COMMON_RESPONSES
from opsrail.stream import merged, sse
from opsrail.stream.position import Position

router = APIRouter(tags=["stream"], route_class=IdempotentRoute, responses=COMMON_RESPONSES)


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {sse.MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": "Messages"}},
)
async def stream(
    principal: Reader,
    services: Services,
    topics: Annotated[str, Query(max_length=100, description="Any of event, run, agent")] = ",".join(merged.TOPICS),
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """What happens, as it happens: `event`, `run` and `agent` messages.

    Resume with `Last-Event-ID`: nothing is missed or repeated within the bus's retention; a `gap` message says where
    it was longer. An event that was published twice, because its sender repeated it or a crash came in between, is
    told twice under the same id.
    """
    wanted = frozenset(topics.split(","))
    if not wanted <= set(merged.TOPICS):
        raise BadRequest(f"topics are {', '.join(merged.TOPICS)}", errors=[FieldError("topics", "unknown")])
    try:
        resume = Position.parse(last_event_id) if last_event_id else None
    except ValueError as error:
        raise BadRequest(str(error), errors=[FieldError("Last-Event-ID", "malformed")]) from error
    try:
        begin, missed = await merged.start(services.bus, resume)
    except (NatsError, TimeoutError) as error:
        raise Unavailable("the bus is away", headers={"Retry-After": "2"}) from error
    return sse.response(
        merged.messages(services.bus, services.owners, principal.org_id, wanted, begin=begin, missed=missed)
    )
