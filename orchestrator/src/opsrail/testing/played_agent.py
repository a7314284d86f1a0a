"""An agent named ``calc`` that a test plays itself: it takes commands and reports step by step."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
from nats.aio.msg import Msg
from nats.js import api
from sqlalchemy import text

from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.manifest import ActionSpec, Manifest, Maturity, Risk
from opsrail_sdk.contracts.run import FINISHED, ActionCommand, LogLine, RunError, RunLog, RunState, RunStatus
from opsrail_sdk.pull import Pull

ADD = ActionSpec(
    name="add",
    title="Add",
    risk=Risk.WRITE,
    idempotent=True,
    dry_run=True,
    input_schema={
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "note": {}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
    output_schema={"type": "object"},
)
DROP = ADD.model_copy(update={"name": "drop", "risk": Risk.DESTRUCTIVE, "dry_run": False})
MANIFEST = Manifest(
    id="calc",
    title="Calc",
    description="Adds",
    version="1.0.0",
    owner="tests",
    maturity=Maturity.ALPHA,
    module="calc",
    requests=("calc.add",),
    actions=(ADD, DROP),
    config_schema={},
)


@dataclass
class PlayedAgent:
    """Takes commands off the bus and reports as the SDK does, step by step as a test wants it."""

    bus: Bus
    org: str
    pull: Pull
    sequences: dict[str, int] = field(default_factory=dict)

    async def take(self) -> tuple[Msg, ActionCommand]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            message = await self.pull.next()
        return message, ActionCommand.model_validate_json(message.data)

    async def report(self, run_id: str, state: RunState, *, attempt: int = 1, **values: Any) -> int:
        status = RunStatus(
            run_id=run_id, org_id=self.org, state=state, attempt=attempt, at=datetime.now(UTC), agent="calc", **values
        )
        ack = await self.bus.publish(
            subjects.run_status(self.org, "calc", run_id), status.encode(), expect=self.sequences.get(run_id, 0)
        )
        self.sequences[run_id] = ack.sequence
        return ack.sequence

    async def log(self, run_id: str, *lines: str, attempt: int = 1, first: int = 1) -> None:
        told = RunLog(
            run_id=run_id,
            org_id=self.org,
            attempt=attempt,
            lines=tuple(LogLine(n=n, at=datetime.now(UTC), text=line) for n, line in enumerate(lines, start=first)),
        )
        await self.bus.publish(
            subjects.run_log(self.org, "calc", run_id), told.encode(), message_id=f"{run_id}:{attempt}:{first}"
        )

    async def succeed(self, run_id: str, output: dict[str, Any]) -> None:
        await self.report(run_id, RunState.RUNNING)
        await self.report(run_id, RunState.SUCCEEDED, output=output)

    async def fail(self, run_id: str, code: str) -> None:
        await self.report(run_id, RunState.FAILED, error=RunError(code=code, message=code))


async def install(orchestrator: Orchestrator, org_id: uuid.UUID, *, enabled: bool = True) -> None:
    """The row that installing an agent makes, without a process."""
    async with orchestrator.container.database.across() as session:
        await session.execute(
            text(
                "INSERT INTO agents (org_id, id, manifest, module, version, runtime, enabled, state)"
                " VALUES (:org, 'calc', CAST(:manifest AS jsonb), 'calc', '1.0.0', 'external', :enabled, 'enabled')"
            ),
            {"org": org_id, "manifest": orjson.dumps(MANIFEST.model_dump(mode="json")).decode(), "enabled": enabled},
        )


@asynccontextmanager
async def playing(orchestrator: Orchestrator) -> AsyncIterator[PlayedAgent]:
    """The agent installed in the orchestrator's organisation, with its commands to take."""
    org, bus = str(orchestrator.org_id), orchestrator.container.bus
    await install(orchestrator, orchestrator.org_id)
    consumer = subjects.actions_consumer(org, "calc")
    config = api.ConsumerConfig(
        durable_name=consumer,
        filter_subject=subjects.actions_of(org, "calc"),
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=PATIENCE_SECONDS,
    )
    await bus.js.add_consumer(subjects.ACTIONS, config)
    pull = Pull(bus, subjects.ACTIONS, consumer)
    yield PlayedAgent(bus, org, pull)
    await pull.close()


async def ended(client: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    """The run, once it has ended."""
    return await come_to(client, run_id, FINISHED, wait=60)


async def come_to(
    client: httpx.AsyncClient, run_id: str, states: Collection[str], *, wait: float = 0.0
) -> dict[str, Any]:
    """The run, once it is in one of these states; ``wait`` is that of the API, for the end of a run."""
    run: dict[str, Any] = {}
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while run.get("state") not in states:
                await asyncio.sleep(0 if wait else 0.02)
                run = (await client.get(f"/v1/runs/{run_id}", params={"wait": wait})).json()
    except TimeoutError:
        raise AssertionError(f"still {run}") from None
    return run


async def dispatched(orchestrator: Orchestrator, run_id: str) -> None:
    """Return once the run's row says that its command is on the bus; the command itself is there a moment before."""
    statement = text("SELECT dispatch_sequence FROM runs WHERE id = :id")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with orchestrator.container.database.across() as session:
                if await session.scalar(statement, {"id": uuid.UUID(run_id)}):
                    return
            await asyncio.sleep(0.02)
