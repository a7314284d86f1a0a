"""``POST /v1/hooks/{connection}``. Plain ASGI, in front of routing and middleware: the hot path has no time for them.

``HookedApp`` is an application that has it there; ``OPENAPI_PATHS`` describes it, since FastAPI cannot see it.
"""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from fastapi import FastAPI
from psycopg import Error as DriverError
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from opsrail.errors import NotFound, OrchestratorError, Packed, TooLarge, Unavailable
from opsrail.hooks import metrics
from opsrail.hooks.group_commit import BusAway
from opsrail.hooks.service import Accepted, Intake, bus_away
from opsrail.problem import render, response_docs

PREFIX: Final = "/v1/hooks/"
PATH: Final = PREFIX + "{connection}"

log = structlog.get_logger()


class _Disconnected(Exception):
    """The sender went away before its body was whole."""


class HookedApp(FastAPI):
    """FastAPI behind hooks. ``state.intake`` has to hold the ``Intake`` by the time of the first delivery."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        if scope["type"] == "http" and path.startswith(PREFIX) and "/" not in (connection_id := path[len(PREFIX) :]):
            scope["app"] = self
            await _deliver(self.state.intake, connection_id, scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


async def _deliver(intake: Intake, connection_id: str, scope: Scope, receive: Receive, send: Send) -> None:
    kind = "unknown"
    try:
        if scope["method"] != "POST":
            raise MethodNotAllowed("only POST", headers={"Allow": "POST"})
        connection = await intake.connections.get(connection_id)
        if connection is None:
            raise NotFound("no such connection, or it takes no hooks")
        kind = connection.kind
        scope.setdefault("state", {})["hook"] = connection
        headers = decoded(scope["headers"])
        body = await _read(receive, headers, intake.limit(kind, headers))
        accepted = intake.accept(connection, headers, body, datetime.now(UTC))
        await accepted.on_disk
    except OrchestratorError as error:
        await _refuse(error, kind, scope, receive, send)
    except BusAway:
        await _refuse(bus_away(), kind, scope, receive, send)
    except (SQLAlchemyError, DriverError, TimeoutError):
        away = Unavailable("the connection cannot be looked up now", headers={"Retry-After": "5"})
        await _refuse(away, kind, scope, receive, send)
    except _Disconnected:
        metrics.DELIVERIES.labels(kind, "disconnected").inc()
    except Exception:
        log.exception("hook.failed", kind=kind)
        await _refuse(OrchestratorError("something went wrong on our side"), kind, scope, receive, send)
    else:
        metrics.accepted(kind, len(accepted.events))
        await _answer(accepted, send)


def decoded(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by their lower-case names."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}


def refusing(app: FastAPI, error: OrchestratorError, kind: str) -> ASGIApp:
    """An application that gives this answer to a delivery that was read already."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = app
        await _refuse(error, kind, scope, receive, send)

    return refuse


class MethodNotAllowed(OrchestratorError):
    status, code, title = 405, "method_not_allowed", "Method not allowed"


async def _refuse(error: OrchestratorError, kind: str, scope: Scope, receive: Receive, send: Send) -> None:
    metrics.DELIVERIES.labels(kind, error.code).inc()
    correlation = scope.setdefault("state", {})["correlation_id"] = str(uuid.uuid4())
    answer = render(Request(scope), error)
    answer.headers["X-Correlation-ID"] = correlation
    await answer(scope, receive, send)


async def _read(receive: Receive, headers: dict[str, str], limit: int) -> bytes:
    """The body, as far as the limit.

    Raises:
        Packed: it is compressed.
        TooLarge: it is longer; told from its declared length where there is one.
    """
    if headers.get("content-encoding", "identity") != "identity":
        raise Packed("send the body as it is: we unpack nothing that comes in")
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


def answer_headers(accepted: Accepted, body: bytes) -> list[tuple[bytes, bytes]]:
    """The headers of a 202."""
    return [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-correlation-id", accepted.correlation_id.encode()),
        (b"x-content-type-options", b"nosniff"),
    ]


async def _answer(accepted: Accepted, send: Send) -> None:
    body = accepted.body()
    await send({"type": "http.response.start", "status": 202, "headers": answer_headers(accepted, body)})
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
                **{str(status): docs for status, docs in response_docs(401, 404, 405, 413, 415, 422, 503).items()},
            },
        }
    }


OPENAPI_PATHS: Final = {PATH: _openapi()}
"""To merge into ``paths`` of the OpenAPI document."""
