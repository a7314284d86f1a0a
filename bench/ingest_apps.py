"""The two applications that ``bench.ingest`` sends to, each served by uvicorn.

``hooks`` is the product's intake behind the product's middleware, on the product's bus; its one connection is held in
memory, as the product's cache holds it. ``noop`` is what FastAPI does when it does nothing.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from opsrail import problem
from opsrail.body_limit import BodyLimitMiddleware
from opsrail.correlation import CorrelationMiddleware
from opsrail.hooks import endpoints
from opsrail.hooks.ports import HookConnection
from opsrail.hooks.service import Intake
from opsrail.hooks.settings import HookSettings
from opsrail_sdk.bus import Bus

ORG = "0190a5c6-0000-7000-8000-00000000000a"
CONNECTION = "0190a5c6-0000-7000-8000-00000000000b"
SECRET = "bench secret of a hook connection"
NATS_URL = "BENCH_NATS_URL"


class OneConnection:
    """The connection of the bench."""

    known = HookConnection(id=CONNECTION, org_id=ORG, kind="alertmanager", name="bench", secret=SECRET.encode())

    async def get(self, connection_id: str) -> HookConnection | None:
        return self.at_hand(connection_id)

    def at_hand(self, connection_id: str) -> HookConnection | None:
        return self.known if connection_id == CONNECTION else None


def hooks() -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        bus = await Bus.connect(os.environ[NATS_URL], name="bench")
        async with Intake.running(OneConnection(), bus, HookSettings()) as intake:
            app.state.intake = intake
            yield
        await bus.close()

    app = endpoints.HookedApp(lifespan=lifespan)
    problem.install(app)
    app.add_middleware(BodyLimitMiddleware, limit=1 << 20, exempt=("/v1/hooks/",))
    app.add_middleware(CorrelationMiddleware)
    return app


def noop() -> FastAPI:
    app = FastAPI()

    @app.post("/noop")
    async def do_nothing() -> dict[str, str]:
        return {}

    return app
