"""What is changed and what is refused leaves an entry, whoever did it."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from opsrail.audit import refusals
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import CommandRefused, RunError


@pytest.fixture
def told(client: httpx.AsyncClient) -> Any:
    """The one entry of a verb, once it is there."""

    async def find(verb: str, chain: str = "organisation") -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                answer = await client.get("/v1/audit", params={"verb": verb, "chain": chain})
                if items := answer.json()["items"]:
                    assert len(items) == 1
                    return dict(items[0])
                await asyncio.sleep(0.05)

    return find


async def test_the_life_of_a_connection(client: httpx.AsyncClient, told: Any) -> None:
    body = {"kind": "github", "name": "forge", "secrets": {"token": "ghp_verysecret"}}
    made = (await client.post("/v1/connections", json=body)).json()
    path = f"/v1/connections/{made['id']}"
    await client.patch(path, json={"name": "other", "secrets": {"token": "ghp_nowother"}})
    await client.post(f"{path}/rotate")
    await client.delete(path)
    for verb in ("created", "changed", "rotated", "deleted"):
        entry = await told(f"connection.{verb}")
        assert entry["target"] == f"connection:{made['id']}"
        assert entry["actor"].startswith("token:")
        assert entry["correlation_id"]
        assert "ghp_" not in str(entry)
    assert (await told("connection.changed"))["detail"] == {"name": "other", "secrets": ["token"]}


async def test_an_event_published_by_hand(client: httpx.AsyncClient, told: Any) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/me", "type": "x.y"}
    answer = await client.post(
        "/v1/events", json=event, headers={"Content-Type": "application/cloudevents+json", "X-Correlation-ID": "mine"}
    )
    assert answer.status_code == 202
    assert (await told("event.published"))["correlation_id"] == "mine"


async def test_a_stranger_is_noted_in_the_chain_of_the_instance(client: httpx.AsyncClient, told: Any) -> None:
    answer = await client.get("/v1/runs", headers={"Authorization": "Bearer opr_nonsense"})
    assert answer.status_code == 401
    entry = await told("access.refused", "instance")
    assert (entry["actor"], entry["outcome"]) == ("anonymous", "denied")
    assert entry["target"].endswith("/runs")


async def test_a_missing_scope_and_a_foreign_id_are_noted_with_who_tried(
    client: httpx.AsyncClient, told: Any
) -> None:
    made = (await client.post("/v1/tokens", json={"name": "r", "scopes": ["read"]})).json()
    reader = {"Authorization": f"Bearer {made['token']}"}
    assert (await client.post("/v1/runs", json={}, headers=reader)).status_code in {403, 422}
    assert (await client.get(f"/v1/connections/{uuid.uuid4()}", headers=reader)).status_code == 404
    refused, missed = await told("access.refused"), await told("access.not_found")
    assert refused["actor"] == missed["actor"] == f"token:{made['id']}"
    assert missed["target"] == "route:GET /v1/connections/{connection_id}"


async def test_a_webhook_without_proof_is_noted(
    client: httpx.AsyncClient, orchestrator: Orchestrator, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "GATHER", timedelta(hours=1))
    made = (await client.post("/v1/connections", json={"kind": "github", "name": "f"})).json()
    for _ in range(3):
        answer = await client.post(
            f"/v1/hooks/{made['id']}", content=b"{}", headers={"X-Hub-Signature-256": "sha256=00"}
        )
        assert answer.status_code == 401
    await orchestrator.container.refusals.close()
    entry = await told("hook.refused")
    assert entry["target"] == f"connection:{made['id']}"
    assert entry["detail"]["count"] == 3


async def test_a_capability_that_an_agent_refused(orchestrator: Orchestrator, told: Any) -> None:
    run, org = str(uuid.uuid4()), str(orchestrator.org_id)
    error = RunError(code="capability_bad_signature", message="the capability has a signature that does not hold")
    refused = CommandRefused(
        run_id=run, org_id=org, agent="ci", instance="ci-0", order=7, at=datetime.now(UTC), error=error
    )
    await orchestrator.container.bus.publish(subjects.run_refused(org, "ci", run), refused.encode(), message_id=run)
    entry = await told("capability.refused")
    assert (entry["actor"], entry["target"]) == ("agent:ci", f"run:{run}")
    assert entry["reason"].startswith("capability_bad_signature")
    assert entry["detail"] == {"instance": "ci-0", "order": 7}
