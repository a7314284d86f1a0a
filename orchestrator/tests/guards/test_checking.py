"""What guards object to, and that what they count is never exceeded."""

import asyncio
import uuid
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail import guards
from opsrail.db.engine import Database
from opsrail.guards import GuardRequest
from opsrail_sdk.contracts.run import RunState

Json = dict[str, Any]


@dataclass
class Organisation:
    """An organisation whose wishes become runs as ``runs.service`` makes them: checked, then queued."""

    database: Database
    id: uuid.UUID

    async def guard(self, kind: str, rule: Json, *, selector: Json | None = None, overridable: bool = False) -> None:
        async with self.database.organisation(self.id) as session:
            await session.execute(
                text(
                    "INSERT INTO guards (id, org_id, kind, name, selector, rule, overridable, created_by) VALUES"
                    " (gen_random_uuid(), :org, :kind, :kind, CAST(:selector AS jsonb), CAST(:rule AS jsonb),"
                    " :over, 't')"
                ),
                {
                    "org": self.id,
                    "kind": kind,
                    "selector": orjson.dumps(selector or {}).decode(),
                    "rule": orjson.dumps(rule).decode(),
                    "over": overridable,
                },
            )

    async def kill(self, agent: str) -> None:
        async with self.database.organisation(self.id) as session:
            await session.execute(
                text(
                    "INSERT INTO kill_switches (org_id, agent, reason, thrown_by) VALUES (:org, :agent, 'fire', 't')"
                ),
                {"org": self.id, "agent": agent},
            )

    async def wish(self, *, state: RunState = RunState.QUEUED, **values: Any) -> list[str]:
        """Codes of the objections; where there are none, the wish is a run in ``state``."""
        request = replace(REQUEST, run_id=uuid.uuid4(), **values)
        async with self.database.organisation(self.id) as session:
            objections = await guards.check(
                session, self.id, request, await guards.standing(session, self.id, request.agent)
            )
            if not objections:
                await make_run(session, self.id, request.run_id, state)
        return [one.code for one in objections]

    async def move(self, state: RunState) -> None:
        """All runs come to ``state``."""
        async with self.database.organisation(self.id) as session:
            await session.execute(text("UPDATE runs SET state = :state"), {"state": state})


REQUEST = GuardRequest(
    run_id=uuid.UUID(int=0),
    agent="cd",
    action="restart",
    risk="write",
    input={},
    environment="production",
    target="api",
)


async def make_run(session: AsyncSession, org_id: uuid.UUID, run_id: uuid.UUID, state: RunState) -> None:
    await session.execute(
        text(
            "INSERT INTO runs (id, org_id, kind, agent, action, state, risk, input, requested_by, correlation_id)"
            " VALUES (:id, :org, 'action', 'cd', 'restart', :state, 'write', '{}', 't', 'c')"
        ),
        {"id": run_id, "org": org_id, "state": state},
    )


@pytest.fixture
async def organisation(database: Database) -> Organisation:
    ident = uuid.uuid4()
    async with database.across() as session:
        await session.execute(
            text("INSERT INTO organisations (org_id, slug, title) VALUES (:org, :slug, 't')"),
            {"org": ident, "slug": str(ident)},
        )
    return Organisation(database, ident)


async def test_without_guards_nothing_objects(organisation: Organisation) -> None:
    assert [await organisation.wish() for _ in range(3)] == [[], [], []]


async def test_a_budget_is_per_target_and_counts_what_was_queued(organisation: Organisation) -> None:
    await organisation.guard("budget", {"limit": 2, "window": "PT1H"})
    assert [await organisation.wish() for _ in range(3)] == [[], [], ["over_budget"]]
    assert await organisation.wish(target="db") == []
    assert await organisation.wish(environment="staging") == []
    assert await organisation.wish(risk="read") == []
    assert await organisation.wish(dry_run=True) == []


@pytest.mark.parametrize(
    "state", [RunState.DENIED, RunState.AWAITING_APPROVAL, RunState.CANCELLED], ids=lambda state: state.value
)
async def test_what_never_began_uses_no_budget(organisation: Organisation, state: RunState) -> None:
    await organisation.guard("budget", {"limit": 1})
    assert await organisation.wish(state=state) == []
    assert await organisation.wish() == []
    assert await organisation.wish() == ["over_budget"]


async def test_two_at_once_never_exceed_a_budget(organisation: Organisation) -> None:
    await organisation.guard("budget", {"limit": 3})
    found = await asyncio.gather(*(organisation.wish() for _ in range(12)))
    assert sorted(map(tuple, found)) == [()] * 3 + [("over_budget",)] * 9


async def test_a_window_slides(organisation: Organisation) -> None:
    await organisation.guard("budget", {"limit": 1, "window": "PT10M"})
    assert await organisation.wish() == []
    async with organisation.database.organisation(organisation.id) as session:
        await session.execute(text("UPDATE guard_uses SET at = at - interval '11 minutes'"))
    assert await organisation.wish() == []


async def test_money_adds_up_where_somebody_says_what_it_costs(organisation: Organisation) -> None:
    await organisation.guard("budget", {"measure": "cost", "limit": "10.50", "per": "organisation"})
    assert await organisation.wish(cost=Decimal(10)) == []
    assert await organisation.wish(cost=Decimal("0.51"), target="db") == ["over_budget"]
    assert await organisation.wish(cost=Decimal("0.5"), target="db") == []
    assert await organisation.wish(cost=None) == []


async def test_a_share_of_a_fleet_is_bounded_where_the_input_names_one(organisation: Organisation) -> None:
    await organisation.guard("budget", {"measure": "share", "limit": 0.5, "affected": "/nodes", "fleet": "/of"})
    assert await organisation.wish(input={"nodes": ["a", "b"], "of": 4}) == []
    assert await organisation.wish(input={"nodes": ["c"], "of": 4}) == ["over_budget"]
    assert await organisation.wish(input={"nodes": "c", "of": 4}) == ["budget_unknown"]
    assert await organisation.wish(input={"nodes": [], "of": 0}) == ["budget_unknown"]
    assert await organisation.wish(input={"nodes": ["a"]}) == []


async def test_the_same_again_waits_until_the_first_is_verified(organisation: Organisation) -> None:
    await organisation.guard("sequence", {"within": "PT10M"}, selector={"actions": ["cd.restart"]})
    assert await organisation.wish() == []
    assert await organisation.wish() == ["too_soon"]
    assert await organisation.wish(action="scale") == []
    assert await organisation.wish(target="db") == []
    await organisation.move(RunState.SUCCEEDED)
    assert await organisation.wish() == ["too_soon"]
    await organisation.move(RunState.VERIFIED)
    assert await organisation.wish() == []


async def test_two_at_once_never_break_a_sequence(organisation: Organisation) -> None:
    await organisation.guard("sequence", {"within": "PT10M"})
    found = await asyncio.gather(*(organisation.wish() for _ in range(6)))
    assert sorted(map(tuple, found)) == [()] + [("too_soon",)] * 5


async def test_a_freeze_stops_what_it_selects_and_says_whether_it_can_be_overridden(
    organisation: Organisation,
) -> None:
    always = {"cron": "* * * * *", "duration": "PT2M"}
    await organisation.guard("freeze", always, selector={"environments": ["production"]}, overridable=True)
    assert await organisation.wish() == ["frozen"]
    assert await organisation.wish(environment="staging") == []
    assert await organisation.wish(dry_run=True) == []
    async with organisation.database.organisation(organisation.id) as session:
        found = await guards.check(
            session, organisation.id, REQUEST, await guards.standing(session, organisation.id, REQUEST.agent)
        )
    assert [one.overridable for one in found] == [True]


@pytest.mark.parametrize("agent", ["cd", "*"])
async def test_a_kill_switch_stops_reads_and_dry_runs_too(organisation: Organisation, agent: str) -> None:
    await organisation.kill(agent)
    for values in ({}, {"risk": "read"}, {"dry_run": True}):
        assert await organisation.wish(**values) == ["killed"]
    assert (await organisation.wish(agent="ci") == []) is (agent == "cd")


async def test_guards_of_another_organisation_do_not_matter(organisation: Organisation, database: Database) -> None:
    theirs = Organisation(database, uuid.uuid4())
    async with database.across() as session:
        await session.execute(
            text("INSERT INTO organisations (org_id, slug, title) VALUES (:org, 'theirs', 't')"), {"org": theirs.id}
        )
    await theirs.kill("*")
    await theirs.guard("budget", {"limit": 1})
    assert [await organisation.wish() for _ in range(2)] == [[], []]
