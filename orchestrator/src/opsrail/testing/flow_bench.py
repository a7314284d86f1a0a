"""Flows of a test: started, signalled, cancelled, and worked on in its own loop or in processes to be killed."""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from sqlalchemy import text

from opsrail.db.engine import Database
from opsrail.durable import service
from opsrail.durable.engine import Flows
from opsrail.durable.flows import Registry
from opsrail.runs import service as runs
from opsrail.runs import signals, waiting
from opsrail.runs.models import Run
from opsrail.settings import Settings
from opsrail.stream.hints import Hints
from opsrail.testing.stack import PATIENCE_SECONDS

LEASE = timedelta(minutes=1)
"""Of every worker here: no starved one loses it. That of a killed one is ended by `kill`."""


@dataclass
class FlowBench:
    """What a test needs to start flows and look at their traces."""

    settings: Settings
    database: Database
    hints: Hints
    org_id: uuid.UUID
    registry: Registry
    outside_url: str
    outside: psycopg.AsyncConnection

    async def start(self, name: str, **input: Any) -> uuid.UUID:
        flow = self.registry.newest(name)
        assert flow is not None
        async with self.database.organisation(self.org_id) as session:
            created = await service.start(
                session, self.org_id, flow, input, requested_by="test", correlation_id="corr"
            )
        await runs.notify(self.hints, self.org_id, created.run.id)
        return created.run.id

    async def signal(self, run_id: uuid.UUID, name: str, payload: dict[str, Any] | None = None) -> None:
        async with self.database.organisation(self.org_id) as session:
            await signals.send(session, run_id, name, payload, sent_by="test")
        await runs.notify(self.hints, self.org_id, run_id)

    async def cancel(self, run_id: uuid.UUID) -> None:
        async with self.database.organisation(self.org_id) as session:
            await runs.request_cancel(session, run_id, "enough", by="bench")
        await runs.notify(self.hints, self.org_id, run_id)

    async def reached(self, run_id: uuid.UUID, when: Callable[[Run], bool], seconds: float = PATIENCE_SECONDS) -> Run:
        run = await waiting.until(self.database, self.hints, self.org_id, run_id, reached=when, seconds=seconds)
        assert when(run), (run.state, run.message, run.error)
        return run

    async def ended(self, run_id: uuid.UUID) -> Run:
        return await self.reached(run_id, waiting.finished)

    async def effects(self) -> list[str]:
        rows = await self.outside.execute("SELECT name FROM effects ORDER BY id")
        return [row[0] for row in await rows.fetchall()]

    async def keys(self) -> list[tuple[str, str]]:
        rows = await self.outside.execute("SELECT DISTINCT name, key FROM effects ORDER BY name")
        return [(row[0], row[1]) for row in await rows.fetchall()]

    async def until_effect(self, name: str, count: int = 1) -> None:
        while (await self.effects()).count(name) < count:  # noqa: ASYNC110 (another process makes it)
            await asyncio.sleep(0.01)

    async def pass_time(self, by: timedelta) -> None:
        """Whatever the flows wait for is so much nearer."""
        async with self.database.across() as session:
            await session.execute(text("UPDATE run_steps SET wake_at = wake_at - :by"), {"by": by})
            await session.execute(text("UPDATE runs SET available_at = available_at - :by"), {"by": by})

    async def hang_at(self, name: str) -> None:
        await self.outside.execute("INSERT INTO hangs (name) VALUES (%s)", (name,))

    async def kill(self, victim: asyncio.subprocess.Process) -> None:
        """End a worker with -9 and let the time pass until its leases have run out."""
        victim.kill()
        await victim.wait()
        async with self.database.across() as session:
            await session.execute(
                text("UPDATE runs SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL")
            )

    @asynccontextmanager
    async def working(self, registry: Registry | None = None) -> AsyncIterator[None]:
        """A worker in this loop."""
        stop = asyncio.Event()
        flows = Flows(self.database, self.hints, registry or self.registry, self.settings.database, lease=LEASE)
        task = asyncio.create_task(flows.run(stop))
        try:
            yield
        finally:
            stop.set()
            await task

    @asynccontextmanager
    async def process(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """A worker in a process of its own."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "opsrail.testing.flow_worker",
            self.settings.database.url.get_secret_value(),
            self.settings.nats.url.get_secret_value(),
            self.outside_url,
            str(LEASE.total_seconds()),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout
        assert (await process.stdout.readline()).strip() == b"ready"
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
