"""Browser sessions: cookie, CSRF, expiry, rotation, ending."""

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import text

from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.people import PASSWORD, Person, anonymous, join, log_in, person

ADA = "ada@example.com"


@pytest.fixture
async def ada(orchestrator: Orchestrator, client: httpx.AsyncClient) -> AsyncIterator[Person]:
    async with person(orchestrator, client, ADA, "operator") as made:
        yield made


async def sql(orchestrator: Orchestrator, statement: str) -> None:
    async with orchestrator.container.database.across() as session:
        await session.execute(text(statement))


async def test_a_login_gives_a_session_that_says_who_one_is(
    orchestrator: Orchestrator, client: httpx.AsyncClient
) -> None:
    user_id = await join(client, ADA, "approver")
    async with anonymous(orchestrator) as browser:
        answer = await log_in(browser, "Ada@Example.com")
        assert answer.status_code == 200
        view = answer.json()
        assert (view["principal"], view["person"], view["kind"]) == (f"user:{user_id}", f"user:{user_id}", "user")
        assert (view["email"], view["org"]) == (ADA, "main")
        assert view["scopes"] == ["approve", "read"]
        assert view["roles"] == ["approver", "viewer"]
        assert [item["slug"] for item in view["organisations"]] == ["main"]
        assert (await browser.get("/v1/session")).json() == view


async def test_the_cookie_is_kept_from_scripts_and_other_sites(
    orchestrator: Orchestrator, client: httpx.AsyncClient
) -> None:
    await join(client, ADA, "viewer")
    async with anonymous(orchestrator) as browser:
        cookie = (await log_in(browser, ADA)).headers["set-cookie"]
    assert cookie.startswith("opsrail_session=ops_")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(orchestrator.app), base_url="https://opsrail.test"
    ) as browser:
        cookie = (await log_in(browser, ADA)).headers["set-cookie"]
        assert cookie.startswith("__Host-opsrail_session=ops_")
        assert {"HttpOnly", "SameSite=lax", "Path=/", "Secure"} <= set(cookie.split("; "))
        assert (await browser.get("/v1/session")).status_code == 200


async def test_only_a_hash_of_the_session_is_kept(orchestrator: Orchestrator, ada: Person) -> None:
    secret = ada.browser.cookies["opsrail_session"].rpartition("_")[2]
    async with orchestrator.container.database.across() as session:
        rows = (await session.execute(text("SELECT sessions::text FROM sessions"))).scalars().all()
    assert rows
    assert all(secret not in row for row in rows)


@pytest.mark.parametrize("given", [{"X-CSRF-Token": ""}, {"X-CSRF-Token": "0" * 64}, {"X-CSRF-Token": "\xe9"}])
async def test_an_unsafe_request_needs_the_csrf_token(ada: Person, given: dict[str, str]) -> None:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
    answer = await ada.browser.put("/v1/password", json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    assert (await ada.browser.get("/v1/session", headers=headers)).status_code == 200


async def test_the_csrf_token_of_another_session_does_not_do(
    orchestrator: Orchestrator, ada: Person, client: httpx.AsyncClient
) -> None:
    async with person(orchestrator, client, "eve@example.com", "viewer") as eve:
        headers = {"X-CSRF-Token": eve.browser.headers["X-CSRF-Token"]}
        assert (await ada.browser.post("/v1/logout", headers=headers)).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://evil.opsrail.test"},
    ],
)
async def test_pages_of_other_sites_are_refused(ada: Person, headers: dict[str, str]) -> None:
    assert (await ada.browser.post("/v1/logout", headers=headers)).json()["code"] == "csrf"
    login = await ada.browser.post("/v1/login", json={"email": ADA, "password": PASSWORD}, headers=headers)
    assert login.json()["code"] == "csrf"


async def test_our_own_pages_and_tokens_are_let_through(ada: Person, client: httpx.AsyncClient) -> None:
    own = {"Origin": "http://opsrail.test", "Sec-Fetch-Site": "same-origin"}
    token = await client.post(
        "/v1/tokens", json={"name": "t", "scopes": ["read"]}, headers={"Origin": "https://x.test"}
    )
    assert token.status_code == 201
    assert (await ada.browser.post("/v1/logout", headers=own)).status_code == 204


async def test_logging_out_ends_the_session_for_good(ada: Person) -> None:
    cookie = ada.browser.cookies["opsrail_session"]
    assert (await ada.browser.post("/v1/logout")).status_code == 204
    assert "opsrail_session" not in ada.browser.cookies
    answer = await ada.browser.get("/v1/session", headers={"Cookie": f"opsrail_session={cookie}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "session_over")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sessions SET expires_at = now()",
        "UPDATE sessions SET seen_at = now() - interval '13 hours'",
        "UPDATE sessions SET ended_at = now()",
        "UPDATE memberships SET suspended_at = now()",
        "DELETE FROM memberships",
    ],
)
async def test_what_ends_a_session(orchestrator: Orchestrator, ada: Person, statement: str) -> None:
    await sql(orchestrator, statement)
    orchestrator.container.authenticator.forget_organisation(orchestrator.org_id)
    assert (await ada.browser.get("/v1/session")).status_code == 401


async def test_a_new_login_ends_the_session_it_replaces(ada: Person) -> None:
    old = ada.browser.cookies["opsrail_session"]
    assert (await log_in(ada.browser, ADA)).status_code == 200
    assert ada.browser.cookies["opsrail_session"] != old
    assert (await ada.browser.get("/v1/me", headers={"Cookie": f"opsrail_session={old}"})).status_code == 401
    assert (await ada.browser.get("/v1/me")).status_code == 200


async def test_a_session_planted_before_the_login_is_not_taken_over(
    orchestrator: Orchestrator, client: httpx.AsyncClient
) -> None:
    await join(client, ADA, "viewer")
    planted = "ops_byqnoep5infytpxiofxd5hquja_l693MT6NTgX0NwoedJM2PuAlE-NgRV0YhsdMVQSMxlI"
    async with anonymous(orchestrator) as browser:
        browser.cookies["opsrail_session"] = planted
        await browser.post("/v1/login", json={"email": ADA, "password": PASSWORD})
    async with anonymous(orchestrator) as attacker:
        attacker.cookies["opsrail_session"] = planted
        assert (await attacker.get("/v1/session")).status_code == 401


async def test_one_sees_and_ends_ones_own_sessions_alone(
    orchestrator: Orchestrator, ada: Person, client: httpx.AsyncClient
) -> None:
    async with anonymous(orchestrator) as phone, person(orchestrator, client, "eve@example.com", "admin") as eve:
        await log_in(phone, ADA)
        listed = (await ada.browser.get("/v1/sessions")).json()["items"]
        assert len(listed) == 2
        assert [item["current"] for item in listed] == [False, True]
        other = listed[0]["id"]
        assert (await eve.browser.delete(f"/v1/sessions/{other}")).status_code == 404
        assert (await ada.browser.delete(f"/v1/sessions/{other}")).status_code == 204
        assert (await phone.get("/v1/session")).status_code == 401
        assert (await ada.browser.get("/v1/session")).status_code == 200


async def test_a_new_password_ends_the_other_sessions(orchestrator: Orchestrator, ada: Person) -> None:
    async with anonymous(orchestrator) as phone:
        await log_in(phone, ADA)
        wrong = await ada.browser.put("/v1/password", json={"old": "not this one!", "new": "another long password"})
        assert (wrong.status_code, wrong.json()["code"]) == (401, "login_rejected")
        weak = await ada.browser.put("/v1/password", json={"old": PASSWORD, "new": "short"})
        assert (weak.status_code, weak.json()["code"]) == (422, "password_weak")
        done = await ada.browser.put("/v1/password", json={"old": PASSWORD, "new": "another long password"})
        assert done.status_code == 200
        assert (await phone.get("/v1/session")).status_code == 401
        assert (await ada.browser.get("/v1/session")).status_code == 200
        assert (await log_in(phone, ADA)).status_code == 401
        assert (await log_in(phone, ADA, "another long password")).status_code == 200


async def test_a_person_makes_tokens_for_itself_within_its_scopes(ada: Person, client: httpx.AsyncClient) -> None:
    made = await ada.browser.post("/v1/tokens", json={"name": "laptop", "scopes": ["write"]})
    assert made.status_code == 201
    assert made.json()["owner_id"] == ada.user_id
    beyond = await ada.browser.post("/v1/tokens", json={"name": "x", "scopes": ["approve"]})
    assert (beyond.status_code, beyond.json()["code"]) == (403, "scope_escalation")
    headers = {"Authorization": f"Bearer {made.json()['token']}"}
    me = (await client.get("/v1/me", headers=headers)).json()
    assert (me["person"], me["scopes"]) == (f"user:{ada.user_id}", ["write"])
    administrators = (await client.get("/v1/tokens")).json()["items"]
    mine = (await ada.browser.get("/v1/tokens")).json()["items"]
    assert [item["name"] for item in mine] == ["laptop"]
    assert len(administrators) == 2
    foreign = next(item["id"] for item in administrators if item["name"] != "laptop")
    assert (await ada.browser.delete(f"/v1/tokens/{foreign}")).status_code == 404
    assert (await ada.browser.delete(f"/v1/tokens/{mine[0]['id']}")).status_code == 204


async def test_logins_and_their_failures_are_in_the_audit_trail(orchestrator: Orchestrator, ada: Person) -> None:
    await ada.browser.post("/v1/login", json={"email": ADA, "password": "not this one!"})
    await ada.browser.post("/v1/login", json={"email": "nobody@example.com", "password": "not this one!"})
    await orchestrator.container.refusals.close()
    async with orchestrator.container.database.across() as session:
        rows = (await session.execute(text("SELECT org_id, verb, target, outcome FROM audit_entries"))).all()
    noted = {(row.org_id == orchestrator.org_id, row.verb, row.target, row.outcome) for row in rows}
    assert (True, "login.succeeded", f"user:{ada.user_id}", "succeeded") in noted
    assert (True, "login.failed", f"user:{ada.user_id}", "denied") in noted
    assert (False, "login.failed", "user:unknown", "denied") in noted
