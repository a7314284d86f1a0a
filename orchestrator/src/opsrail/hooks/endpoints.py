"""``POST /v1/hooks/{connection}``. Plain ASGI: the hot path has no time for dependency injection.

``mount`` puts the route in front of all others; ``OPENAPI_PATHS`` describes it, since FastAPI cannot see it.
"""

from datetime import UTC, datetime
from typing import Any, Final

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from opsrail.errors import NotFound, OrchestratorError, TooLarge
from opsrail.hooks import metrics
from opsrail.hooks.service import Accepted, Intake
from opsrail.problem import render, response_docs

PATH: Final = "/v1/hooks/{connection}"


class _Disconnected(Exception):
    """The sender went away before its body was whole."""


def mount(app: FastAPI) -> None:
    """Add the route. ``app.state.intake`` has to hold the ``Intake`` by the time of the first delivery."""
    endpoint: ASGIApp = _Hook()
    app.router.routes.insert(0, Route(PATH, endpoint, methods=["POST"], name="hook", include_in_schema=False))


class _Hook:
    """The endpoint; an instance and no function, so that Starlette hands the raw request over."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        intake: Intake = scope["app"].state.intake
        kind = "unknown"
        try:
            connection = await intake.connections.get(scope["path_params"]["connection"])
            if connection is None:
                raise NotFound("no such connection, or it takes no hooks")
            kind = connection.kind
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            body = await _read(receive, headers, intake.limit(kind, headers.get("content-type", "")))
            accepted = await intake.accept(connection, headers, body, datetime.now(UTC))
        except OrchestratorError as error:
            metrics.DELIVERIES.labels(kind, error.code).inc()
            await render(Request(scope), error)(scope, receive, send)
        except _Disconnected:
            metrics.DELIVERIES.labels(kind, "disconnected").inc()
        else:
            metrics.DELIVERIES.labels(kind, "accepted").inc()
            await _answer(accepted, scope, send)


async def _read(receive: Receive, headers: dict[str, str], limit: int) -> bytes:
    """The body, as far as the limit.

    Raises:
        TooLarge: it is longer; told from its declared length where there is one.
    """
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise TooLarge(f"the body may have {limit} bytes at most")
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if message["type"] == "http.disconnect":
            raise _Disconnected
        if len(body) > limit:
            raise TooLarge(f"the body may have {limit} bytes at most")
        return body
    parts = bytearray(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        parts += message.get("body", b"")
        if len(parts) > limit:
            raise TooLarge(f"the body may have {limit} bytes at most")
    return bytes(parts)


async def _answer(accepted: Accepted, scope: Scope, send: Send) -> None:
    scope.setdefault("state", {})["correlation_id"] = accepted.correlation_id
    body = orjson.dumps({"events": accepted.events, "ignored": accepted.ignored})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-correlation-id", accepted.correlation_id.encode()),
    ]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _openapi() -> dict[str, Any]:
    strings = {"type": "array", "items": {"type": "string"}}
    return {
        "post": {
            "tags": ["hooks"],
            "summary": "Take a webhook",
            "description": "Proof of the sender: its own signature or token, or `X-Hub-Signature-256` over the raw"
            " body with the connection's secret. A repeat gets the same answer and has no second effect.",
            "operationId": "take_hook",
            "security": [],
            "parameters": [
                {"name": "connection", "in": "path", "required": True, "schema": {"type": "string"}},
                {
                    "name": "X-Hub-Signature-256",
                    "in": "header",
                    "required": False,
                    "schema": {"type": "string"},
                    "description": "`sha256=` and the hex HMAC-SHA256 of the body",
                },
            ],
            "requestBody": {"required": True, "content": {"application/json": {"schema": {}}}},
            "responses": {
                "202": {
                    "description": "The events are on disk",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["events", "ignored"],
                                "properties": {"events": strings, "ignored": strings},
                            }
                        }
                    },
                },
                **{str(status): docs for status, docs in response_docs(401, 404, 405, 413, 422, 503).items()},
            },
        }
    }


OPENAPI_PATHS: Final = {PATH: _openapi()}
"""To merge into ``paths`` of the OpenAPI document."""
