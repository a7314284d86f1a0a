"""Approvals that must not be had: own, twice, late, of another input; each attempt is in the audit trail."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from opsrail.testing.people import Person, person
from opsrail.testing.played_agent import install
from opsrail_sdk.contracts.run import input_digest
from tests.attack.conftest import Target

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
DROP = {"agent": "calc", "action": "drop", "input": {"a": 1, "b": 2}}


@dataclass(frozen=True)
class Team:
    """Ann may ask and approve, Bob may approve, Vic may look."""

    ann: Person
    bob: Person
    vic: Person


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(target: Target) -> AsyncIterator[Team]:
    await install(target.orchestrator, target.orchestrator.org_id)
    roles = {"ann": ("operator", "approver"), "bob": ("approver",), "vic": ("viewer",)}
    async with AsyncExitStack() as people:
        yield Team(
            **{
                name: await people.enter_async_context(
                    person(target.orchestrator, target.root, f"{name}@example.com", *held)
                )
                for name, held in roles.items()
            }
        )


@pytest_asyncio.fixture(loop_scope="module")
async def approval(team: Team) -> Json:
    """What Ann has asked for, waiting."""
    asked = await team.ann.browser.post("/v1/runs", json=DROP)
    assert asked.status_code == 202, asked.text
    found: Json = (await team.bob.browser.get("/v1/approvals", params={"run_id": asked.json()["id"]})).json()
    return dict(found["items"][0])


async def grant(by: httpx.AsyncClient, approval: Json, **changed: Any) -> httpx.Response:
    seen = {"input_hash": approval["input_hash"], "plan_hash": approval["plan_hash"], "reason": "fine"} | changed
    return await by.post(f"/v1/approvals/{approval['id']}/grant", json=seen)


async def refused(target: Target, answer: httpx.Response, status: int, code: str, approval: Json) -> None:
    entry = await target.refused(answer, status, code)
    if code != "scope_missing":
        assert (entry.verb, entry.target) == ("approval.refused", f"approval:{approval['id']}")


async def still_waits(target: Target, approval: Json) -> None:
    run = (await target.root.get(f"/v1/runs/{approval['run_id']}")).json()
    assert run["state"] == "awaiting_approval"


async def test_by_whoever_asked(target: Target, team: Team, approval: Json) -> None:
    await refused(target, await grant(team.ann.browser, approval), 403, "own_request", approval)
    await still_waits(target, approval)


async def test_by_a_token_or_machine_of_whoever_asked(target: Target, team: Team, approval: Json) -> None:
    made = await team.ann.browser.post("/v1/tokens", json={"name": "second self", "scopes": ["read", "approve"]})
    assert made.status_code == 201, made.text
    async with target.client(Authorization=f"Bearer {made.json()['token']}") as second_self:
        await refused(target, await grant(second_self, approval), 403, "own_request", approval)
    await still_waits(target, approval)


async def test_by_somebody_without_the_right(target: Target, team: Team, approval: Json) -> None:
    await refused(target, await grant(team.vic.browser, approval), 403, "scope_missing", approval)
    await refused(target, await grant(target.root, approval), 403, "person_required", approval)
    async with target.client() as nobody:
        answer = await grant(nobody, approval)
        await target.refused(answer, 401, answer.json()["code"])
    await still_waits(target, approval)


async def test_by_a_page_that_borrows_the_browser(target: Target, team: Team, approval: Json) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in team.bob.browser.cookies.items())
    async with target.client(Cookie=cookie, Origin="https://evil.example") as page:
        await target.refused(await grant(page, approval), 403, "csrf")
    await still_waits(target, approval)


@pytest.mark.parametrize("changed", [{"input_hash": "0" * 64}, {"input_hash": input_digest({"a": 1, "b": 3})}])
async def test_of_another_input(target: Target, team: Team, approval: Json, changed: Json) -> None:
    await refused(target, await grant(team.bob.browser, approval, **changed), 409, "input_changed", approval)
    await still_waits(target, approval)


async def test_after_the_input_was_changed_underneath(target: Target, team: Team, approval: Json) -> None:
    await target.sql("""UPDATE runs SET input = '{"a": 1, "b": 666}' WHERE id = :id""", id=approval["run_id"])
    await refused(target, await grant(team.bob.browser, approval), 409, "input_changed", approval)
    fresh = input_digest({"a": 1, "b": 666})
    await refused(target, await grant(team.bob.browser, approval, input_hash=fresh), 409, "input_changed", approval)
    await still_waits(target, approval)


async def test_of_a_plan_that_nobody_showed(target: Target, team: Team, approval: Json) -> None:
    await refused(target, await grant(team.bob.browser, approval, plan_hash="0" * 64), 409, "plan_changed", approval)
    await still_waits(target, approval)


async def test_twice(target: Target, team: Team, approval: Json) -> None:
    assert (await grant(team.bob.browser, approval)).status_code == 200
    await refused(target, await grant(team.bob.browser, approval), 409, "approval_ended", approval)
    used = await target.sql("SELECT granting_decision_id FROM approvals WHERE id = :id", id=approval["id"])
    assert len(used) == 1


async def test_after_it_was_denied(target: Target, team: Team, approval: Json) -> None:
    denied = await team.bob.browser.post(f"/v1/approvals/{approval['id']}/deny", json={"reason": "not today"})
    assert denied.status_code == 200, denied.text
    await refused(target, await grant(team.bob.browser, approval), 409, "approval_ended", approval)


async def test_too_late(target: Target, team: Team, approval: Json) -> None:
    age = target.orchestrator.container.settings.approvals.lifetime + timedelta(seconds=1)
    await target.sql(
        "UPDATE approvals SET created_at = created_at - CAST(:age AS interval) WHERE id = :id",
        age=age,
        id=approval["id"],
    )
    answer = await grant(team.bob.browser, approval)
    assert answer.json()["code"] in {"approval_expired", "approval_ended"}
    await refused(target, answer, 409, answer.json()["code"], approval)
    run = (await target.root.get(f"/v1/runs/{approval['run_id']}", params={"wait": 20})).json()
    assert run["state"] in {"awaiting_approval", "denied"}
