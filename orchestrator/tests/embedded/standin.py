"""A small ASGI application and a small agent for the supervisor's tests."""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def _pid(_request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(os.getpid()))


async def _bus(_request: Request) -> PlainTextResponse:
    return PlainTextResponse(os.environ["OPSRAIL_NATS_URL"].rpartition("@")[2])


def create_app() -> Starlette:
    return Starlette(routes=[Route("/readyz", _pid), Route("/pid", _pid), Route("/bus", _bus)])
