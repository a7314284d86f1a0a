"""Logging in with a real OpenID provider, a process of its own, over HTTP."""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import text

from opsrail.auth import oidc
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.people import anonymous, log_in, person
from opsrail.testing.processes import serving
from opsrail.testing.stack import PATIENCE_SECONDS

ADA: dict[str, Any] = {"email": "Ada@Example.com", "email_verified": True, "name": "Ada", "groups": ["release"]}


@dataclass(frozen=True)
class Idp:
    """The provider's process; it knows the people that a test tells it of."""

    url: str

    async def knows(self, subject: str, claims: dict[str, Any]) -> None:
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http:
            (await http.put(f"{self.url}/users/{subject}", json=claims)).raise_for_status()

    async def consent(self, authorization_url: str, subject: str) -> str:
        """Where the provider sends the browser once the person said yes."""
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http:
            answer = await http.post(authorization_url, data={"sub": subject})
            assert answer.status_code == 302, answer.text
            return answer.headers["location"]


@pytest.fixture
async def idp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Idp]:
    monkeypatch.setattr(oidc, "_TIMEOUT", PATIENCE_SECONDS)

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "oidc_provider_mock", "-p", str(port), "-n"]

    async def answers(port: int) -> bool:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()
        return True

    async with serving(command, answers, log=tmp_path / "idp.log") as port:
        yield Idp(f"http://127.0.0.1:{port}")


@pytest.fixture
def wish(idp: Idp) -> dict[str, Any]:
    return {
        "name": "corp",
        "title": "Corp",
        "issuer": idp.url,
        "client_id": "opsrail",
        "client_secret": "s3cret",
        "role_of_group": {"release": "operator", "audit": "viewer"},
        "email_domains": ["example.com"],
    }


async def trusted(client: httpx.AsyncClient, wish: dict[str, Any], **more: Any) -> str:
    made = await client.post("/v1/identity-providers", json=wish | more)
    assert made.status_code == 201, made.text
    assert "s3cret" not in made.text
    return str(made.json()["id"])


async def begin(browser: httpx.AsyncClient, provider: str, **params: str) -> str:
    started = await browser.get(f"/v1/oidc/{provider}/start", params=params)
    assert started.status_code == 303, started.text
    return started.headers["location"]


async def arrive(browser: httpx.AsyncClient, idp: Idp, provider: str, subject: str, **params: str) -> httpx.Response:
    """The whole way, as a browser goes it."""
    back = await idp.consent(await begin(browser, provider, **params), subject)
    answer = await browser.get(back)
    if answer.status_code == 303:
        browser.headers["X-CSRF-Token"] = (await browser.get("/v1/session")).json()["csrf_token"]
    return answer


async def test_a_first_login_makes_a_member_with_the_roles_of_its_groups(
    orchestrator: Orchestrator, client: httpx.AsyncClient, idp: Idp, wish: dict[str, Any]
) -> None:
    provider = await trusted(client, wish)
    await idp.knows("ada", ADA)
    async with anonymous(orchestrator) as browser:
        options = (await browser.get("/v1/login")).json()
        assert options["providers"] == [{"id": provider, "title": "Corp", "start": f"/v1/oidc/{provider}/start"}]
        asked = parse_qs(urlsplit(await begin(browser, provider)).query)
        assert asked["code_challenge_method"] == ["S256"]
        assert {"state", "nonce", "code_challenge"} <= asked.keys()
        answer = await arrive(browser, idp, provider, "ada", next="/runs?state=failed")
        assert (answer.status_code, answer.headers["location"]) == (303, "/runs?state=failed")
        view = (await browser.get("/v1/session")).json()
        assert (view["email"], view["name"], view["scopes"]) == ("ada@example.com", "Ada", ["operate"])
        await idp.knows("ada", ADA | {"groups": ["audit"]})
        await arrive(browser, idp, provider, "ada")
        assert (await browser.get("/v1/session")).json()["roles"] == ["viewer"]
    members = (await client.get("/v1/members")).json()["items"]
    assert [(item["email"], item["provider_id"]) for item in members] == [("ada@example.com", provider)]
    async with orchestrator.container.database.across() as session:
        verbs = (await session.scalars(text("SELECT verb FROM audit_entries"))).all()
    assert {"identity_provider.created", "member.provisioned", "login.succeeded", "member.changed"} <= set(verbs)


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": "ada@elsewhere.com"},
        {"email": "ada"},
        {"groups": ["other"]},
        {"groups": None},
    ],
)
async def test_whom_the_provider_does_not_vouch_for_stays_outside(
    orchestrator: Orchestrator, client: httpx.AsyncClient, idp: Idp, wish: dict[str, Any], claims: dict[str, Any]
) -> None:
    provider = await trusted(client, wish)
    await idp.knows("ada", ADA | claims)
    async with anonymous(orchestrator) as browser:
        answer = await arrive(browser, idp, provider, "ada")
        assert (answer.status_code, answer.json()["code"]) == (401, "login_rejected")
        assert "opsrail_session" not in browser.cookies
    assert (await client.get("/v1/members")).json()["items"] == []


async def test_only_the_browser_that_began_can_finish_and_only_once(
    orchestrator: Orchestrator, client: httpx.AsyncClient, idp: Idp, wish: dict[str, Any]
) -> None:
    provider = await trusted(client, wish)
    await idp.knows("ada", ADA)
    async with anonymous(orchestrator) as browser, anonymous(orchestrator) as attacker:
        back = await idp.consent(await begin(browser, provider), "ada")
        assert (await attacker.get(back)).status_code == 401
        await begin(attacker, provider)
        assert (await attacker.get(back)).status_code == 401
        forged = back.replace("state=", "state=x")
        assert (await browser.get(forged)).status_code == 401
        assert (await browser.get(back)).status_code == 303
        assert (await browser.get(back)).status_code == 401


async def test_a_login_cannot_be_made_to_end_elsewhere(
    orchestrator: Orchestrator, client: httpx.AsyncClient, idp: Idp, wish: dict[str, Any]
) -> None:
    provider = await trusted(client, wish)
    await idp.knows("ada", ADA)
    async with anonymous(orchestrator) as browser:
        for page in ("https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)", "/a\nb"):
            answer = await arrive(browser, idp, provider, "ada", next=page)
            assert answer.headers["location"] == "/"


async def test_a_provider_opens_its_own_organisation_alone(
    orchestrator: Orchestrator, client: httpx.AsyncClient, idp: Idp, wish: dict[str, Any]
) -> None:
    """An organisation whose provider asserts a stranger's address gains nothing where the stranger belongs."""
    made = (await client.post("/v1/organisations", json={"slug": "other", "title": "Other"})).json()
    async with anonymous(orchestrator) as theirs, person(orchestrator, client, "ada@example.com", "admin") as ada:
        theirs.headers["Authorization"] = f"Bearer {made['token']}"
        provider = await trusted(theirs, wish)
        await idp.knows("mallory", ADA)
        async with anonymous(orchestrator) as browser:
            assert (await arrive(browser, idp, provider, "mallory")).status_code == 303
            view = (await browser.get("/v1/session")).json()
            assert view["person"] == f"user:{ada.user_id}"
            assert [item["slug"] for item in view["organisations"]] == ["other"]
            moved = await browser.post("/v1/session/organisation", json={"organisation": "main"})
            assert moved.status_code == 404
            assert len((await browser.get("/v1/sessions")).json()["items"]) == 1
            changed = await browser.put("/v1/password", json={"old": "x", "new": "another long password"})
            assert changed.status_code == 403
        assert [item["slug"] for item in (await ada.browser.get("/v1/session")).json()["organisations"]] == ["main"]
        assert (await log_in(ada.browser, ada.email, organisation="other")).json()["code"] == "not_a_member"


async def test_a_disabled_removed_or_dead_provider_lets_nobody_in(
    orchestrator: Orchestrator, client: httpx.AsyncClient, idp: Idp, wish: dict[str, Any]
) -> None:
    provider = await trusted(client, wish)
    dead = await trusted(client, wish, name="dead", issuer="http://127.0.0.1:1")
    await idp.knows("ada", ADA)
    async with anonymous(orchestrator) as browser:
        away = await browser.get(f"/v1/oidc/{dead}/start")
        assert (away.status_code, away.json()["code"]) == (424, "provider_away")
        assert (await browser.get(f"/v1/oidc/{uuid.uuid4()}/start")).status_code == 404
        await arrive(browser, idp, provider, "ada")
        assert (await client.delete(f"/v1/identity-providers/{provider}")).status_code == 204
        assert (await browser.get("/v1/session")).status_code == 401
        assert (await browser.get(f"/v1/oidc/{provider}/start")).status_code == 404


async def test_a_metadata_service_is_no_issuer(client: httpx.AsyncClient, wish: dict[str, Any]) -> None:
    answer = await client.post("/v1/identity-providers", json=wish | {"issuer": "http://169.254.169.254"})
    assert answer.status_code == 422
