"""Building deliveries, and an intake to send them to."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import uvicorn

from opsrail import problem
from opsrail.hooks.delivery import Delivery, Normalised
from opsrail.hooks.endpoints import HookedApp
from opsrail.hooks.normalisers import normalise
from opsrail.hooks.ports import HookConnection
from opsrail.hooks.protocol import HookProtocol
from opsrail.hooks.service import Intake
from opsrail.hooks.settings import HookSettings
from opsrail.testing.orchestrator import PATIENCE
from opsrail_sdk.bus import Bus

RECEIVED = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CONNECTION = "5b0e6f0e-5d0a-4c0e-9a51-0d6f6a5f3c11"

ORG = "0190a5c6-0000-7000-8000-00000000000a"
SECRET = b"hook secret"

Normalise = Callable[..., Normalised]


class Connections:
    """Some connections, as the cache would hold them."""

    def __init__(self) -> None:
        self.known = {
            name: HookConnection(id=name, org_id=ORG, kind=name, name=name, secret=SECRET, previous_secret=b"before")
            for name in ("github", "jenkins", "alertmanager", "cloudevents")
        }

    async def get(self, connection_id: str) -> HookConnection | None:
        return self.at_hand(connection_id)

    def at_hand(self, connection_id: str) -> HookConnection | None:
        return self.known.get(connection_id)


@pytest.fixture
async def intake_app(bus: Bus) -> AsyncIterator[HookedApp]:
    """An application that takes hooks and knows nothing else."""
    app = HookedApp()
    problem.install(app)
    limits = HookSettings(max_body=4096, max_forge=1 << 20, max_batch=200_000, bus_patience=PATIENCE)
    async with Intake.running(Connections(), bus, limits) as intake:
        app.state.intake = intake
        yield app


@asynccontextmanager
async def served(app: HookedApp) -> AsyncIterator[int]:
    """The application behind ``HookProtocol`` on a port of its own; it shuts down in order."""
    config = uvicorn.Config(
        app, http=HookProtocol, log_config=None, access_log=False, proxy_headers=False, timeout_keep_alive=300
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await serving


@pytest.fixture
def normalised() -> Normalise:
    """``normalised(kind, payload, **headers)``; a header's underscores become dashes."""

    def build(kind: str, payload: Any, *, settings: dict[str, Any] | None = None, **headers: str) -> Normalised:
        body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        names = {"content-type": "application/json"} | {key.replace("_", "-"): text for key, text in headers.items()}
        return normalise(
            Delivery(
                kind=kind,
                connection_id=CONNECTION,
                body=body,
                headers=names,
                received_at=RECEIVED,
                settings=settings,
            )
        )

    return build
