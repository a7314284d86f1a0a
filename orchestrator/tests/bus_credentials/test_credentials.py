"""Credentials of agents that run elsewhere over HTTP, and refusals of the bus in the audit trail."""

import asyncio
import uuid

import httpx
import nkeys
import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from opsrail.bus_credentials import keys
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.played_agent import MANIFEST, install
from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import AgentSpec

ROUTE = "/v1/agents/calc/credentials"


async def spec(orchestrator: Orchestrator) -> AgentSpec:
    entry = await orchestrator.container.bus.kv.get(
        subjects.SPECS_BUCKET, subjects.spec_key(str(orchestrator.org_id), "calc")
    )
    assert entry is not None
    return AgentSpec.model_validate_json(entry.value)


async def verbs(orchestrator: Orchestrator, like: str) -> list[tuple[str, str, str]]:
    async with orchestrator.container.database.organisation(orchestrator.org_id) as session:
        rows = await session.execute(
            text("SELECT verb, target, outcome FROM audit_entries WHERE verb LIKE :like ORDER BY verb"),
            {"like": like},
        )
    return [tuple(row) for row in rows]


async def test_a_credential_is_minted_shown_once_and_revoked(
    orchestrator: Orchestrator, client: httpx.AsyncClient
) -> None:
    await install(orchestrator, orchestrator.org_id)
    made = await client.post(ROUTE)
    assert made.status_code == 201, made.text
    minted = made.json()
    assert keys.public_key(minted["credentials"].strip()) == minted["public_key"]
    assert (minted["kind"], minted["expires_at"], minted["org"]) == ("nkey", None, str(orchestrator.org_id))
    assert "@" not in minted["nats_url"]
    access = (await spec(orchestrator)).access
    assert access is not None
    assert access.keys == (minted["public_key"],)

    (listed,) = (await client.get(ROUTE)).json()["items"]
    assert listed["id"] == minted["id"]
    assert "credentials" not in listed

    assert (await client.delete(f"{ROUTE}/{minted['id']}")).status_code == 204
    access = (await spec(orchestrator)).access
    assert access is not None
    assert access.keys == ()
    assert (await client.delete(f"{ROUTE}/{minted['id']}")).status_code == 404
    assert await verbs(orchestrator, "bus_credential.%") == [
        ("bus_credential.minted", "agent:calc", "succeeded"),
        ("bus_credential.revoked", "agent:calc", "succeeded"),
    ]


async def test_uninstalling_takes_the_credentials_along(
    orchestrator: Orchestrator, client: httpx.AsyncClient
) -> None:
    await install(orchestrator, orchestrator.org_id)
    await client.post(ROUTE)
    assert (await client.delete("/v1/agents/calc")).status_code == 204
    assert (await client.get(ROUTE)).json()["items"] == []


async def test_no_credential_for_what_is_not_there_or_not_elsewhere(
    orchestrator: Orchestrator, client: httpx.AsyncClient
) -> None:
    assert (await client.post(ROUTE)).json()["code"] == "unknown_agent"
    await install(orchestrator, orchestrator.org_id)
    async with orchestrator.container.database.across() as session:
        await session.execute(text("UPDATE agents SET runtime = 'process'"))
    refused = await client.post(ROUTE)
    assert (refused.status_code, refused.json()["code"]) == (409, "runtime_not_external")


async def test_an_outside_account_carries_the_first_organisation_alone(
    orchestrator: Orchestrator, client: httpx.AsyncClient
) -> None:
    await install(orchestrator, orchestrator.org_id)
    nats = orchestrator.container.settings.nats
    nats.signing_seed = SecretStr(nkeys.encode_seed(bytes(range(32)), nkeys.PREFIX_BYTE_ACCOUNT).decode())
    minted = (await client.post(ROUTE)).json()
    assert minted["kind"] == "jwt"
    assert minted["expires_at"] is not None
    assert "BEGIN NATS USER JWT" in minted["credentials"]
    async with orchestrator.container.database.across() as session:
        await session.execute(
            text(
                "INSERT INTO organisations (org_id, slug, title, created_at)"
                " VALUES (:id, 'earlier', 'Earlier', now() - interval '1 day')"
            ),
            {"id": uuid.uuid4()},
        )
    refused = await client.post(ROUTE)
    assert (refused.status_code, refused.json()["code"]) == (409, "account_of_another_organisation")


@pytest.mark.parametrize("body", [b"no json", b"[]", b"x" * 10_000])
async def test_what_the_bus_refused_is_audited_once(orchestrator: Orchestrator, body: bytes) -> None:
    bus, org = orchestrator.container.bus, str(orchestrator.org_id)
    await bus.nc.publish(subjects.bus_refused(org, MANIFEST.id), body)
    for subject in ("opsrail.other.event.x", "last"):
        told = {"operation": "publish", "subject": subject}
        for seen in ({}, {"seen": "server"}, {}):
            await bus.nc.publish(subjects.bus_refused(org, MANIFEST.id), orjson.dumps(told | seen))
    entry = ("bus.refused", "subject:last", "denied")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(noted := await verbs(orchestrator, "bus.refused")) < 2:
            await asyncio.sleep(0.05)
    assert sorted(noted) == [entry, ("bus.refused", "subject:opsrail.other.event.x", "denied")]
