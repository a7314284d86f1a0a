"""One real agent from installation to uninstallation, its process started as the host would start it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from opsrail.agents import catalogue
from opsrail.embedded.addresses import Endpoints
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.stack import PATIENCE_SECONDS

BILL = (
    "ChargePeriodStart,ServiceName,BilledCost\n2026-01-01T00:00:00Z,Compute,0.1\n2026-01-01T00:00:00Z,Compute,0.2\n"
)


@asynccontextmanager
async def running(orchestrator: Orchestrator, endpoints: Endpoints, instance: str) -> AsyncIterator[None]:
    environment = {
        **os.environ,
        "OPSRAIL_NATS_URL": endpoints.nats_url,
        "OPSRAIL_ORG": str(orchestrator.org_id),
        "OPSRAIL_AGENT_INSTANCE": instance,
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "opsrail_finops", "run", env=environment)
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def become(client: httpx.AsyncClient, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                shown = (await client.get("/v1/agents/finops")).json()
                if holds(shown):
                    return shown
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"still {shown}") from None


async def test_a_real_agent_is_installed_enabled_asked_and_removed(
    orchestrator: Orchestrator, client: httpx.AsyncClient, endpoints: Endpoints, tmp_path: Path
) -> None:
    (tmp_path / "bill.csv").write_text(BILL)
    installed = await client.post("/v1/agents", json={"module": "opsrail_finops"})
    assert installed.status_code == 201, installed.text
    async with running(orchestrator, endpoints, "one"):
        await become(client, lambda agent: [entry["state"] for entry in agent["instances"]] == ["disabled"])
        await client.post("/v1/agents/finops/enable")
        await become(client, lambda agent: agent["state"] == "enabled")
        ask = "/v1/agents/finops/queries/totals"
        refused = await client.post(ask, json={"input": {"files": [str(tmp_path / "bill.csv")]}})
        assert (refused.status_code, refused.json()["code"]) == (502, "file_not_allowed")
        await client.put("/v1/agents/finops/config", json={"config": {"roots": [str(tmp_path)]}})
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (
                answer := await client.post(ask, json={"input": {"files": [str(tmp_path / "bill.csv")]}})
            ).is_error:
                await asyncio.sleep(0.05)
        assert answer.json()["output"]["totals"][0]["billed"] == "0.3"
        await client.post("/v1/agents/finops/disable")
        await become(client, lambda agent: agent["state"] == "disabled")
        assert (await client.delete("/v1/agents/finops")).status_code == 204


def test_six_agents_are_on_offer() -> None:
    offers = {offer.id: offer.module for offer in catalogue.offers()}
    assert offers.items() >= {
        (name, f"opsrail_{name}") for name in ("ci", "cd", "iac", "monitoring", "cloud", "finops")
    }
