"""Errors as RFC 9457 problem documents. Installed by ``app.create_app``; routes refer to ``RESPONSES``."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from starlette.exceptions import HTTPException

from opsrail.audit import requests
from opsrail.errors import BadRequest, Invalid, OrchestratorError, Unavailable, field_errors
from opsrail_sdk.masking import hide

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"


class ProblemField(BaseModel):
    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details, with the correlation id to look for in logs and a stable code."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str | None = None
    code: str
    correlation_id: str | None = None
    errors: list[ProblemField] = Field(default_factory=list)
    run_id: str | None = Field(default=None, description="The run that records a denied wish")
    governance: dict[str, Any] | None = Field(default=None, description="Why a wish was denied")


def response_docs(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries for problem answers with these statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _TITLES.get(status, "Problem"), "content": content} for status in statuses}


_TITLES = {
    400: "Bad request",
    401: "Token missing, unknown or expired",
    403: "Scope missing",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflicts with the present state",
    413: "Body too large",
    415: "Media type not supported",
    422: "Not understood",
    429: "Too many requests",
    502: "An agent answered with an error",
    503: "Try again shortly",
    504: "No answer in time",
}

COMMON_RESPONSES = response_docs(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)
"""What any authenticated route can answer besides success."""


def render(request: Request, error: OrchestratorError) -> JSONResponse:
    """The problem document of an error; a refusal is noted for the audit trail."""
    requests.note(request, error)
    problem = Problem(
        type=f"urn:opsrail:problem:{error.code}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        instance=request.url.path,
        code=error.code,
        correlation_id=getattr(request.state, "correlation_id", None),
        errors=[ProblemField(field=item.field, message=item.message) for item in error.errors],
        **error.members,
    )
    headers = dict(error.headers)
    if error.status == 401:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="opsrail"')
    return JSONResponse(
        hide(problem.model_dump(exclude_none=True)), status_code=error.status, headers=headers, media_type=MEDIA_TYPE
    )


def install(app: FastAPI) -> None:
    """Make every error leave ``app`` as a problem document."""

    @app.exception_handler(OrchestratorError)
    async def _known(request: Request, error: OrchestratorError) -> JSONResponse:
        return render(request, error)

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> JSONResponse:
        return render(request, Invalid("the request does not fit its schema", errors=field_errors(error.errors())))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        if isinstance(error.__cause__, RecursionError):
            return render(request, BadRequest("the body is nested too deeply", code="too_deep"))
        known = OrchestratorError(
            str(error.detail), code=f"http_{error.status_code}", headers=dict(error.headers or {})
        )
        known.status = error.status_code
        known.title = _TITLES.get(error.status_code, "HTTP error")
        return render(request, known)

    @app.exception_handler(DataError)
    async def _unstorable(request: Request, error: Exception) -> JSONResponse:
        log.info("request.unstorable", path=request.url.path, error=str(error.__cause__ or error))
        return render(request, Invalid("a value cannot be stored: a NUL character, or a number out of range"))

    @app.exception_handler(OperationalError)
    @app.exception_handler(InterfaceError)
    async def _database_away(request: Request, error: Exception) -> JSONResponse:
        log.warning("database.unavailable", error=type(error).__name__)
        return render(request, Unavailable("the database is away", headers={"Retry-After": "2"}))

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("request.failed", path=request.url.path, exc_info=error)
        return render(request, OrchestratorError("something went wrong on our side; the correlation id finds it"))
