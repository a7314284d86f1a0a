"""Errors that callers of the API see. ``problem`` renders them; ``code`` is stable, ``detail`` is for people."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldError:
    """Where in the input something is wrong: a JSON pointer or parameter name, and why."""

    field: str
    message: str


def field_errors(found: Iterable[Mapping[str, Any]], *prefix: str) -> list[FieldError]:
    """What pydantic found (``ValidationError.errors()``), each below ``prefix``; never the values."""
    return [
        FieldError(".".join((*prefix, *map(str, item["loc"]))), item["msg"].removeprefix("Value error, "))
        for item in found
    ]


class OrchestratorError(Exception):
    """Base. Subclasses fix ``status`` and a default ``code``."""

    status = 500
    code = "internal"
    title = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        errors: Sequence[FieldError] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.errors = tuple(errors)
        self.headers = headers or {}
        self.members: Mapping[str, Any] = {}
        """Further members of the problem document."""


class BadRequest(OrchestratorError):
    status, code, title = 400, "bad_request", "Bad request"


class Unauthenticated(OrchestratorError):
    status, code, title = 401, "unauthenticated", "Proof of identity is missing or wrong"


class Forbidden(OrchestratorError):
    status, code, title = 403, "forbidden", "Not allowed"


class NotFound(OrchestratorError):
    status, code, title = 404, "not_found", "Not found"


class Conflict(OrchestratorError):
    status, code, title = 409, "conflict", "Conflicts with the present state"


class Packed(OrchestratorError):
    """The body is compressed. We unpack nothing that comes in, so no bomb goes off here."""

    status, code, title = 415, "body_packed", "Media type not supported"


class TooLarge(OrchestratorError):
    status, code, title = 413, "too_large", "Body too large"


class Invalid(OrchestratorError):
    status, code, title = 422, "invalid", "Not understood"


class TooMany(OrchestratorError):
    status, code, title = 429, "rate_limited", "Too many requests"


class BadGateway(OrchestratorError):
    status, code, title = 502, "bad_gateway", "An agent or outside system answered with an error"


class Unavailable(OrchestratorError):
    status, code, title = 503, "unavailable", "Try again shortly"


class GatewayTimeout(OrchestratorError):
    status, code, title = 504, "timeout", "No answer in time"
