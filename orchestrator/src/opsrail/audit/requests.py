"""Which refused HTTP requests belong in the audit trail, and as what. Called by ``problem.render``, the one place
that every refusal passes, in front of routing or behind it.
"""

from uuid import UUID

from starlette.requests import Request

from opsrail.audit.trail import Entry
from opsrail.auth.principal import Principal
from opsrail.errors import OrchestratorError

_VERBS = {
    401: "access.refused",
    403: "access.refused",
    413: "request.refused",
    415: "request.refused",
    429: "rate.refused",
}
_ATTACKS = frozenset({"address_refused", "bad_cursor", "too_deep", "secret_reference_refused"})
"""Codes of requests that were understood, and are refused because of what they would reach or use up."""

_MOUNT = "/v1/"
"""A route's template begins where its router is mounted."""


def note(request: Request, error: OrchestratorError) -> None:
    """Note a refusal, unless whoever refused knew more and has noted it (``request.state.refusal_noted``).

    What is merely wrong (validation, conflicts, our own failures) is no refusal.
    """
    container = getattr(getattr(request.scope.get("app"), "state", None), "container", None)
    if container is None or getattr(request.state, "refusal_noted", False):
        return
    principal: Principal | None = getattr(request.state, "principal", None)
    hook = getattr(request.state, "hook", None)
    org_id: UUID | None
    if hook is not None and (error.status in {401, 413, 415} or error.code in _ATTACKS):
        verb, target = "hook.refused", f"connection:{hook.id}"
        org_id = UUID(hook.org_id)
    elif known := _verb(request, error):
        verb, target = known, f"route:{request.method} {_route(request)}"
        org_id = principal.org_id if principal else None
    else:
        return
    container.refusals.note(
        org_id,
        Entry(
            actor=principal.id if principal else "anonymous",
            verb=verb,
            target=target,
            outcome="denied",
            reason=f"{error.code}: {'; '.join(getattr(error, '__notes__', ())) or error.detail}",
            correlation_id=getattr(request.state, "correlation_id", None),
            detail={"address": request.client.host if request.client else None, "path": request.url.path},
        ),
    )


def _verb(request: Request, error: OrchestratorError) -> str | None:
    if error.code in _ATTACKS:
        return "request.refused"
    if error.status == 404:
        # Another organisation's id looks like one that is not there. Somebody who tries ids leaves a trace.
        known = getattr(request.state, "principal", None) is not None and request.scope.get("path_params")
        return "access.not_found" if known else None
    return _VERBS.get(error.status)


def _route(request: Request) -> str:
    """The route's template, so that refusals of one kind count as one; a path that fits none as it came."""
    path = request.url.path
    template = str(getattr(request.scope.get("route"), "path", path))
    mounted = path.startswith(_MOUNT) and not template.startswith(_MOUNT)
    return _MOUNT + template.lstrip("/") if mounted else template
