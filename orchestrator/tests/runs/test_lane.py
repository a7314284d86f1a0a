"""Wishes that come together share a transaction, and nothing else."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import DBAPIError

from opsrail.errors import Invalid, NotFound
from opsrail.policy.asker import Asker, with_implied
from opsrail.policy.refusal import Denied
from opsrail.runs.making import Created
from opsrail.runs.wish import Wish
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.played_agent import PlayedAgent

ASKER = Asker(id="token:tests", kind="token", via="api", roles=with_implied(["operator"]))


def wish(**values: Any) -> Wish:
    given = {"agent": "calc", "action": "add", "input": {"a": 1, "b": 2}, "correlation_id": "c"}
    return Wish(requested_by=ASKER.id, **{**given, **values})


async def made(orchestrator: Orchestrator, *wishes: Wish) -> list[Any]:
    lane = orchestrator.container.lane
    return await asyncio.gather(
        *(lane.create(orchestrator.org_id, each, ASKER) for each in wishes), return_exceptions=True
    )


async def test_each_gets_its_own_answer(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    good = [wish(input={"a": n, "b": n}) for n in range(40)]
    results = await made(
        orchestrator,
        wish(agent="nobody"),
        *good[:20],
        wish(input={"a": "x", "b": 1}),
        *good[20:],
        wish(action="drop"),
    )
    assert isinstance(results[0], NotFound)
    assert isinstance(results[21], Invalid)
    queued = [one for one in results[1:-1] if isinstance(one, Created)]
    assert [one.run.input["a"] for one in queued] == list(range(40))
    assert {one.run.state for one in queued} == {"queued"}
    assert results[-1].run.state == "awaiting_approval"
    assert len({one.verdict.decision_id for one in queued if one.verdict}) == 40
    assert len((await client.get("/v1/runs", params={"limit": 500})).json()["items"]) == 41
    assert len((await client.get("/v1/decisions", params={"limit": 500})).json()["items"]) == 41


async def test_one_that_the_database_does_not_take_fails_alone(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    results = await made(orchestrator, wish(), wish(traceparent="nul\0"), wish(), wish())
    assert [isinstance(one, DBAPIError) for one in results] == [False, True, False, False]
    assert len((await client.get("/v1/runs")).json()["items"]) == 3


async def test_the_same_key_together_is_one_run(orchestrator: Orchestrator, agent: PlayedAgent) -> None:
    results = await made(orchestrator, *(wish(key="once") for _ in range(5)))
    assert len({one.run.id for one in results}) == 1
    assert sum(one.new for one in results) == 1


async def test_a_denied_wish_is_on_record_before_it_is_refused(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    viewer = Asker(id="token:tests", kind="token", via="api", roles=frozenset({"viewer"}))
    denied = await orchestrator.container.lane.create(orchestrator.org_id, wish(), viewer)
    assert (await client.get(f"/v1/runs/{denied.run.id}")).json()["state"] == "denied"
    with pytest.raises(Denied, match="no policy permits"):
        denied.require_allowed()
