"""People for tests: invited, joined and logged in over the API, each with a browser of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from opsrail.testing.orchestrator import Orchestrator

PASSWORD = "correct horse battery"  # noqa: S105 (of people that exist in tests alone)


@dataclass(frozen=True)
class Person:
    """Somebody logged in; ``browser`` keeps the cookie and sends the CSRF token."""

    user_id: str
    email: str
    browser: httpx.AsyncClient


def anonymous(orchestrator: Orchestrator) -> httpx.AsyncClient:
    """A client without any proof of identity."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(orchestrator.app, raise_app_exceptions=False), base_url="http://opsrail.test"
    )


async def join(administrator: httpx.AsyncClient, email: str, *roles: str, password: str = PASSWORD) -> str:
    """Invite somebody and take the invitation up; their user id."""
    invited = await administrator.post("/v1/invitations", json={"email": email, "roles": list(roles)})
    assert invited.status_code == 201, invited.text
    accepted = await administrator.post(
        "/v1/invitations/accept", json={"token": invited.json()["token"], "password": password, "name": email}
    )
    assert accepted.status_code == 200, accepted.text
    return str(accepted.json()["user_id"])


async def log_in(browser: httpx.AsyncClient, email: str, password: str = PASSWORD, **more: str) -> httpx.Response:
    """Log in; from then on ``browser`` sends the CSRF token."""
    answer = await browser.post("/v1/login", json={"email": email, "password": password, **more})
    if answer.status_code == 200:
        browser.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
    return answer


@asynccontextmanager
async def person(
    orchestrator: Orchestrator, administrator: httpx.AsyncClient, email: str, *roles: str
) -> AsyncIterator[Person]:
    """A member of the administrator's organisation, logged in."""
    user_id = await join(administrator, email, *roles)
    async with anonymous(orchestrator) as browser:
        answer = await log_in(browser, email)
        assert answer.status_code == 200, answer.text
        yield Person(user_id, email, browser)
