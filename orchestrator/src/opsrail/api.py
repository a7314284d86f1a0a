"""Gathers the routers of all domains under ``/v1`` and describes the API as a whole."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from opsrail import health
from opsrail.agents import endpoints as agents
from opsrail.approvals import endpoints as approvals
from opsrail.artifacts import endpoints as artifacts
from opsrail.audit import endpoints as audit
from opsrail.auth import endpoints as auth
from opsrail.auth import machine_endpoints as machines
from opsrail.auth import oidc_endpoints as oidc
from opsrail.auth import session_endpoints as sessions
from opsrail.bus_credentials import endpoints as bus_credentials
from opsrail.connections import endpoints as connections
from opsrail.events import endpoints as events
from opsrail.guards import endpoints as guards
from opsrail.hooks.endpoints import OPENAPI_PATHS as HOOK_PATHS
from opsrail.organisations import endpoints as organisations
from opsrail.organisations import people_endpoints as people
from opsrail.organisations import provider_endpoints as providers
from opsrail.policy import endpoints as policy
from opsrail.problem import Problem
from opsrail.runs import endpoints as runs
from opsrail.secrets import endpoints as secrets
from opsrail.stream import endpoints as stream

DESCRIPTION = """Agents, events, runs and the lifecycle around them.

Send `Authorization: Bearer opr_…`. Lists are paged by `limit` and `cursor`. A POST with `Idempotency-Key` can be
repeated safely. Errors are RFC 9457 problem documents with a stable `code` and the `correlation_id` of the request.
"""


def include(app: FastAPI) -> None:
    """Mount every route."""
    app.include_router(health.router)
    # Routers are tried in turn, so the busiest come first; one inside another would be searched twice.
    for domain in (
        *(runs, auth, agents, connections, events, policy, approvals, guards, artifacts, audit, secrets, stream),
        *(bus_credentials, sessions, oidc, machines, organisations, people, providers),
    ):
        app.include_router(domain.router, prefix="/v1")
    app.include_router(people.public, prefix="/v1")
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document, with the problem schema that error answers refer to."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs", {}))
        schemas["Problem"] = problem
        document["paths"].update(HOOK_PATHS)
        app.openapi_schema = document
    return app.openapi_schema
