"""``/healthz``, ``/readyz`` and ``/metrics``."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

from fastapi import APIRouter, Response, status
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from opsrail.auth.dependencies import Reader, Services
from opsrail.container import Container
from opsrail.problem import response_docs

router = APIRouter(tags=["health"])

_PATIENCE = 2.0
"""Seconds after which a part that does not answer counts as away."""


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Part(BaseModel):
    name: str
    ready: bool
    required: bool
    detail: str = ""


class Readiness(BaseModel):
    """``ready`` needs the database and the bus; the cache may be away."""

    ready: bool
    parts: list[Part]


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> Health:
    """The process is alive."""
    return Health()


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses={503: {"model": Readiness, "description": "A required part is away"}})
async def readyz(services: Services, response: Response) -> Readiness:
    """Whether requests can be served, part by part."""
    parts = await asyncio.gather(*(_probe(name, required, probe) for name, required, probe in _probes(services)))
    ready = all(part.ready for part in parts if part.required)
    if not ready:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return Readiness(ready=ready, parts=list(parts))


@router.get("/metrics", responses=response_docs(401, 403, 429, 503), response_class=Response)
async def metrics(_: Reader) -> Response:
    """Prometheus text format; scrape with a token of scope `read`."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _probes(services: Container) -> tuple[tuple[str, bool, Callable[[], Awaitable[object]]], ...]:
    async def bus() -> object:
        return await services.bus.js.account_info()

    async def cache() -> object:
        return await services.redis.ping()

    return (
        ("postgres", True, services.database.ping),
        ("nats", True, bus),
        ("redis", False, cache),
    )


async def _probe(name: str, required: bool, probe: Callable[[], Awaitable[object]]) -> Part:
    try:
        async with asyncio.timeout(_PATIENCE):
            await probe()
    except Exception as error:  # noqa: BLE001 (whatever the driver raises, the part is away)
        return Part(name=name, ready=False, required=required, detail=type(error).__name__)
    return Part(name=name, ready=True, required=required)
