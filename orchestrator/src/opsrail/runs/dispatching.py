"""``POST /v1/dispatch``, the busiest route, answered without what FastAPI does for a route in general.

Middleware behind the others and in front of routing. It changes nothing of what the route does: the same check of the
caller, the same function, the same words for what goes wrong. A body that is not quite right, or a request that is to
be idempotent, goes on to the route itself.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Final

from pydantic import ValidationError
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsrail.auth.dependencies import require
from opsrail.auth.principal import Scope as Permission
from opsrail.container import container_of
from opsrail.runs.endpoints import dispatch
from opsrail.runs.schemas import DispatchRequest

PATH: Final = "/v1/dispatch"
_ROUTE = SimpleNamespace(path=PATH)
"""Names the route in metrics and in the audit trail."""
_WISH = "opsrail.wish"
_KEY = b"idempotency-key"

_writer = require(Permission.WRITE)


class DispatchMiddleware:
    """``handlers`` are the application's, by type of exception or by status."""

    def __init__(self, app: ASGIApp, *, handlers: Mapping[Any, Any]) -> None:
        self._app = app
        self._straight = ExceptionMiddleware(_answer, handlers=handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST" or not _plain(scope):
            await self._app(scope, receive, send)
            return
        messages = await _whole(receive)

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        try:
            wish = DispatchRequest.model_validate_json(b"".join(one.get("body", b"") for one in messages))
        except ValidationError:
            await self._app(scope, again, send)
            return
        scope["route"], scope[_WISH] = _ROUTE, wish
        await self._straight(scope, again, send)


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    told = Response()
    del told.headers["content-length"]
    principal = await _writer(request, told)
    answer = await dispatch(principal, container_of(request), request, told, scope[_WISH])
    await answer(scope, receive, send)


def _plain(scope: Scope) -> bool:
    kind = b""
    for name, value in scope["headers"]:
        if name == _KEY:
            return False
        if name == b"content-type":
            kind = value
    return kind.partition(b";")[0].strip().lower() == b"application/json"


async def _whole(receive: Receive) -> list[Message]:
    """The messages of a body, up to its end or to that of the connection."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    return messages
