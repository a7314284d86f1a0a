"""Organisations, members, invitations, roles."""

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import text

from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.people import PASSWORD, anonymous, join, log_in, person

ADA, EVE = "ada@example.com", "eve@example.com"


@pytest.fixture
async def other(orchestrator: Orchestrator, client: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """The administrator of a second organisation."""
    made = await client.post("/v1/organisations", json={"slug": "other", "title": "Other"})
    assert made.status_code == 201, made.text
    async with anonymous(orchestrator) as administrator:
        administrator.headers["Authorization"] = f"Bearer {made.json()['token']}"
        yield administrator


async def test_only_the_first_organisation_makes_others(client: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
    wish = {"slug": "third", "title": "Third"}
    refused = await other.post("/v1/organisations", json=wish)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_home")
    taken = await client.post("/v1/organisations", json=wish | {"slug": "other"})
    assert (taken.status_code, taken.json()["code"]) == (409, "slug_taken")
    assert (await other.get("/v1/organisation")).json()["slug"] == "other"
    renamed = await other.patch("/v1/organisation", json={"title": "New"})
    assert renamed.json()["title"] == "New"
    assert (await client.get("/v1/organisation")).json()["title"] == "Main"


async def test_a_person_in_two_organisations_switches_between_them(
    orchestrator: Orchestrator, client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    first = await join(client, ADA, "admin")
    assert await join(other, ADA, "viewer") == first
    async with anonymous(orchestrator) as browser:
        view = (await log_in(browser, ADA)).json()
        assert (view["org"], view["scopes"]) == ("main", ["admin"])
        assert [item["slug"] for item in view["organisations"]] == ["main", "other"]
        old = browser.cookies["opsrail_session"]
        moved = await browser.post("/v1/session/organisation", json={"organisation": "other"})
        assert (moved.json()["org"], moved.json()["scopes"]) == ("other", ["read"])
        assert browser.cookies["opsrail_session"] != old
        assert (await browser.get("/v1/me", headers={"Cookie": f"opsrail_session={old}"})).status_code == 401
        browser.headers["X-CSRF-Token"] = moved.json()["csrf_token"]
        assert (await browser.post("/v1/invitations", json={"email": EVE, "roles": ["viewer"]})).status_code == 403
        assert (await log_in(browser, ADA, organisation="main")).json()["org"] == "main"
        assert (await log_in(browser, ADA, organisation="nowhere")).json()["code"] == "not_a_member"


async def test_an_invitation_is_good_once(orchestrator: Orchestrator, client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/invitations", json={"email": ADA, "roles": ["viewer"]})).json()
    assert [item["id"] for item in (await client.get("/v1/invitations")).json()["items"]] == [made["id"]]
    accept = {"token": made["token"], "password": PASSWORD}
    async with anonymous(orchestrator) as browser:
        weak = await browser.post("/v1/invitations/accept", json=accept | {"password": "aaaaaaaaaaaa"})
        assert (weak.status_code, weak.json()["code"]) == (422, "password_weak")
        assert (await browser.post("/v1/invitations/accept", json=accept)).status_code == 200
        again = await browser.post("/v1/invitations/accept", json=accept)
        assert (again.status_code, again.json()["code"]) == (401, "invitation_rejected")
        forged = accept | {"token": made["token"][:-1] + ("A" if made["token"][-1] != "A" else "B")}
        assert (await browser.post("/v1/invitations/accept", json=forged)).status_code == 401
    assert (await client.get("/v1/invitations")).json()["items"] == []
    member = await client.post("/v1/invitations", json={"email": ADA, "roles": ["viewer"]})
    assert (member.status_code, member.json()["code"]) == (409, "already_member")


@pytest.mark.parametrize("how", ["revoked", "expired"])
async def test_a_void_invitation_lets_nobody_in(
    orchestrator: Orchestrator, client: httpx.AsyncClient, how: str
) -> None:
    made = (await client.post("/v1/invitations", json={"email": ADA, "roles": ["viewer"]})).json()
    if how == "revoked":
        assert (await client.delete(f"/v1/invitations/{made['id']}")).status_code == 204
        assert (await client.delete(f"/v1/invitations/{made['id']}")).status_code == 404
    else:
        async with orchestrator.container.database.across() as session:
            await session.execute(text("UPDATE invitations SET expires_at = now()"))
    accept = {"token": made["token"], "password": PASSWORD}
    assert (await client.post("/v1/invitations/accept", json=accept)).status_code == 401


async def test_an_invitation_does_not_open_somebody_elses_account(
    orchestrator: Orchestrator, client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    """An administrator who invites a known person and takes the invitation up needs the person's password."""
    await join(client, ADA, "admin")
    made = (await other.post("/v1/invitations", json={"email": ADA, "roles": ["viewer"]})).json()
    accept = {"token": made["token"], "password": "the attacker's own"}
    answer = await other.post("/v1/invitations/accept", json=accept)
    assert (answer.status_code, answer.json()["code"]) == (401, "login_rejected")
    async with anonymous(orchestrator) as browser:
        assert (await log_in(browser, ADA, "the attacker's own")).status_code == 401


async def test_the_last_administrator_stays(orchestrator: Orchestrator, client: httpx.AsyncClient) -> None:
    async with person(orchestrator, client, ADA, "admin") as ada:
        path = f"/v1/members/{ada.user_id}"
        for answer in (
            await client.delete(path),
            await ada.browser.delete(path),
            await client.patch(path, json={"roles": ["viewer"]}),
            await client.patch(path, json={"suspended": True}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")
        await join(client, EVE, "admin")
        assert (await ada.browser.delete(path)).status_code == 204
        assert (await ada.browser.get("/v1/session")).status_code == 401


async def test_removing_a_person_ends_what_was_theirs(orchestrator: Orchestrator, client: httpx.AsyncClient) -> None:
    async with person(orchestrator, client, ADA, "operator") as ada:
        token = (await ada.browser.post("/v1/tokens", json={"name": "t", "scopes": ["read"]})).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert (await client.get("/v1/me", headers=headers)).status_code == 200
        assert (await client.delete(f"/v1/members/{ada.user_id}")).status_code == 204
        assert (await client.get("/v1/me", headers=headers)).status_code == 401
        assert (await ada.browser.get("/v1/session")).status_code == 401
        await join(client, ADA, "operator")
        assert (await client.get("/v1/me", headers=headers)).status_code == 401


async def test_a_token_never_does_more_than_its_person_may_now(
    orchestrator: Orchestrator, client: httpx.AsyncClient
) -> None:
    async with person(orchestrator, client, ADA, "operator") as ada:
        token = (await ada.browser.post("/v1/tokens", json={"name": "t", "scopes": ["operate"]})).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert (await client.get("/v1/me", headers=headers)).json()["scopes"] == ["operate"]
        changed = await client.patch(f"/v1/members/{ada.user_id}", json={"roles": ["viewer"]})
        assert changed.json()["roles"] == ["viewer"]
        me = (await client.get("/v1/me", headers=headers)).json()
        assert (me["scopes"], me["roles"]) == (["read"], ["viewer"])


async def test_a_custom_role_is_scopes_and_a_parent(orchestrator: Orchestrator, client: httpx.AsyncClient) -> None:
    wish = {"title": "Release manager", "scopes": ["write", "approve"], "parent": "approver"}
    assert (await client.put("/v1/roles/release-manager", json=wish)).status_code == 200
    async with person(orchestrator, client, ADA, "release-manager") as ada:
        view = (await ada.browser.get("/v1/session")).json()
        assert view["scopes"] == ["approve", "write"]
        assert view["roles"] == ["approver", "release-manager", "viewer"]
        held = await client.delete("/v1/roles/release-manager")
        assert (held.status_code, held.json()["code"]) == (409, "role_in_use")
        await client.put("/v1/roles/release-manager", json=wish | {"scopes": ["read"], "parent": None})
        assert (await ada.browser.get("/v1/session")).json()["scopes"] == ["read"]
        await client.patch(f"/v1/members/{ada.user_id}", json={"roles": ["viewer"]})
        assert (await client.delete("/v1/roles/release-manager")).status_code == 204
    for name, broken in (("admin", wish), ("x", wish | {"scopes": ["admin"]}), ("x", wish | {"parent": "x"})):
        assert (await client.put(f"/v1/roles/{name}", json=broken)).status_code == 422
    unknown = await client.post("/v1/invitations", json={"email": EVE, "roles": ["release-manager"]})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_role")


async def test_changes_of_people_are_in_the_audit_trail(
    orchestrator: Orchestrator, client: httpx.AsyncClient
) -> None:
    user_id = await join(client, ADA, "viewer")
    await client.patch(f"/v1/members/{user_id}", json={"roles": ["operator"]})
    await client.delete(f"/v1/members/{user_id}")
    async with orchestrator.container.database.organisation(orchestrator.org_id) as session:
        verbs = (await session.scalars(text("SELECT verb FROM audit_entries"))).all()
    assert {"invitation.created", "invitation.accepted", "member.changed", "member.removed"} <= set(verbs)
