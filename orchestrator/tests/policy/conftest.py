"""An installed agent ``ops`` whose actions name targets, played by nobody: what the gate says is what counts."""

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import text

from opsrail.testing.orchestrator import Orchestrator
from opsrail_sdk.contracts.manifest import ActionSpec, Manifest, Maturity, Risk

Json = dict[str, Any]


def action(name: str, risk: Risk) -> ActionSpec:
    return ActionSpec(
        name=name,
        title=name,
        risk=risk,
        idempotent=True,
        dry_run=True,
        input_schema={"type": "object"},
        output_schema={"type": "object"},
    )


OPS = Manifest(
    id="ops",
    title="Ops",
    description="Acts on services",
    version="1.0.0",
    owner="tests",
    maturity=Maturity.ALPHA,
    module="ops",
    requests=("ops.restart",),
    actions=(action("look", Risk.READ), action("restart", Risk.WRITE), action("wipe", Risk.DESTRUCTIVE)),
    config_schema={},
)


async def install(orchestrator: Orchestrator, org_id: uuid.UUID, manifest: Manifest = OPS) -> None:
    """The row that installing an agent makes; again, as an upgrade changes it."""
    async with orchestrator.container.database.across() as session:
        await session.execute(
            text(
                "INSERT INTO agents (org_id, id, manifest, module, version, runtime, enabled, state)"
                " VALUES (:org, :id, CAST(:manifest AS json), :id, '1.0.0', 'external', false, 'disabled')"
                " ON CONFLICT (org_id, id) DO UPDATE SET manifest = EXCLUDED.manifest"
            ),
            {
                "org": org_id,
                "id": manifest.id,
                "manifest": orjson.dumps(manifest.model_dump(mode="json")).decode(),
            },
        )


@pytest.fixture
async def ops(orchestrator: Orchestrator) -> None:
    await install(orchestrator, orchestrator.org_id)


Dispatch = Callable[..., Any]


@pytest.fixture
def dispatch(client: httpx.AsyncClient, ops: None) -> Dispatch:
    """``dispatch("ops.restart", environment="staging")`` posts that wish."""

    async def send(
        intent: str, *, context: Json | None = None, dry_run: bool = False, **input: Any
    ) -> httpx.Response:
        body: Json = {"intent": intent, "input": input, "dry_run": dry_run}
        return await client.post("/v1/dispatch", json=body | ({"context": context} if context else {}))

    return send
