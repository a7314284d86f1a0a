"""An installed agent that is played by the test itself, and people with tokens of their own."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import httpx
import orjson
import pytest
from sqlalchemy import text

from opsrail.auth.principal import Scope
from opsrail.auth.service import new_token
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.played_agent import PlayedAgent, playing

NewPerson = Callable[..., Awaitable[httpx.AsyncClient]]
"""Of a name and scopes: a client that calls with a token of that person."""


@pytest.fixture
async def agent(orchestrator: Orchestrator) -> AsyncIterator[PlayedAgent]:
    async with playing(orchestrator) as agent:
        yield agent


@pytest.fixture
async def person(orchestrator: Orchestrator) -> AsyncIterator[NewPerson]:
    async with AsyncExitStack() as clients:

        async def make(name: str, *scopes: Scope) -> httpx.AsyncClient:
            transport = httpx.ASGITransport(orchestrator.app, raise_app_exceptions=False)
            headers = {"Authorization": f"Bearer {await _token(orchestrator, name, scopes)}"}
            client = httpx.AsyncClient(transport=transport, base_url="http://opsrail.test", headers=headers)
            return await clients.enter_async_context(client)

        yield make


async def _token(orchestrator: Orchestrator, name: str, scopes: tuple[Scope, ...]) -> str:
    org_id, email = orchestrator.org_id, f"{name}@example.org"
    token, secret = new_token(org_id, name=name, scopes=scopes, expires_at=None, created_by="test")
    async with orchestrator.container.database.across() as session:
        owner = await session.scalar(
            text(
                "INSERT INTO users (id, email, name) VALUES (:id, :email, :name)"
                " ON CONFLICT (email) DO UPDATE SET name = EXCLUDED.name RETURNING id"
            ),
            {"id": uuid.uuid4(), "email": email, "name": name},
        )
        await session.execute(
            text(
                "INSERT INTO memberships (org_id, user_id, roles) VALUES (:org, :user, CAST(:roles AS jsonb))"
                " ON CONFLICT (org_id, user_id) DO NOTHING"
            ),
            {"org": org_id, "user": owner, "roles": orjson.dumps(["admin"]).decode()},
        )
        token.owner_id = owner
        session.add(token)
    return secret
