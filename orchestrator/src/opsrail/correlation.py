"""One id per request, from the caller or new, bound to every log line and sent back in ``X-Correlation-ID``.

Plain ASGI, so that streaming answers pass through untouched. Also refuses bodies beyond the limit.
"""

import re
import time
import uuid

import structlog
from prometheus_client import Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()

HEADER = b"x-correlation-id"
_WELL_FORMED = re.compile(rb"^[A-Za-z0-9._:-]{1,128}$")

REQUESTS = Counter("opsrail_http_requests_total", "Requests answered", ["method", "route", "status"])
LATENCY = Histogram(
    "opsrail_http_request_seconds",
    "Time from request to the start of the answer",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)


class CorrelationMiddleware:
    """Outermost middleware of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == HEADER), b"")
        correlation = given.decode() if _WELL_FORMED.match(given) else str(uuid.uuid4())
        scope.setdefault("state", {})["correlation_id"] = correlation
        structlog.contextvars.bind_contextvars(correlation_id=correlation)
        started = time.perf_counter()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Correlation-ID"] = correlation
                headers.setdefault("X-Content-Type-Options", "nosniff")
                route = getattr(scope.get("route"), "path", "unmatched")
                REQUESTS.labels(scope["method"], route, message["status"]).inc()
                LATENCY.labels(scope["method"], route).observe(time.perf_counter() - started)
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            structlog.contextvars.unbind_contextvars("correlation_id")
