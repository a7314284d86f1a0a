"""Queries as the stock micro tools and the orchestrator see them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import opsrail_sample
import orjson
import pytest
import pytest_asyncio

from opsrail_sdk.errors import AgentError, InvalidInput, NotFound, Unavailable
from opsrail_sdk.testing.harness import PATIENCE, AgentHarness
from opsrail_sdk.testing.server import NatsServer


@pytest_asyncio.fixture
async def harness(nats_server: NatsServer) -> AsyncIterator[AgentHarness]:
    async with AgentHarness(opsrail_sample.agent, nats_server.url) as running:
        yield running


async def ask(harness: AgentHarness, subject: str) -> dict[str, Any]:
    reply = await harness.orchestration.bus.nc.request(subject, timeout=PATIENCE.total_seconds())
    answer = orjson.loads(reply.data)
    assert isinstance(answer, dict)
    return answer


async def test_a_query_is_answered_with_the_config_as_it_is_now(harness: AgentHarness) -> None:
    assert await harness.query("greet", {"text": "you"}) == {"text": "hello you"}
    await harness.orchestration.want(harness.agent, config={"greeting": "bye"})
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while await harness.query("greet", {"text": "you"}) != {"text": "bye you"}:
            continue


async def test_bad_input_is_told_by_field(harness: AgentHarness) -> None:
    with pytest.raises(InvalidInput, match="text"):
        await harness.query("greet", {})


async def test_our_errors_keep_their_class_and_one_line(harness: AgentHarness) -> None:
    with pytest.raises(NotFound, match="no such thing"):
        await harness.query("stumble", {"kind": "missing"})


async def test_other_errors_tell_nothing(harness: AgentHarness) -> None:
    with pytest.raises(AgentError) as caught:
        await harness.query("stumble", {"kind": "unexpected"})
    assert caught.value.code == "internal"
    assert "detail" not in str(caught.value)
    assert "KeyError" not in str(caught.value)


async def test_a_slow_query_is_cut_off(harness: AgentHarness) -> None:
    with pytest.raises(AgentError) as caught:
        await harness.query("stumble", {"kind": "slow"})
    assert caught.value.code == "query_timeout"


async def test_queries_run_side_by_side(harness: AgentHarness) -> None:
    answers = await asyncio.gather(harness.query("meet", {"text": "a"}), harness.query("meet", {"text": "b"}))
    assert answers == [{"text": "a"}, {"text": "b"}]


async def test_stock_tools_can_discover_the_service(harness: AgentHarness) -> None:
    ping = await ask(harness, "$SRV.PING")
    assert ping["name"] == "sample"
    assert ping["type"] == "io.nats.micro.v1.ping_response"
    assert ping["metadata"]["org"] == harness.org
    info = await ask(harness, f"$SRV.INFO.sample.{ping['id']}")
    assert {endpoint["name"] for endpoint in info["endpoints"]} == {"greet", "stumble", "meet"}
    assert info["endpoints"][0]["subject"] == f"opsrail.{harness.org}.query.sample.greet"


async def test_errors_are_counted(harness: AgentHarness) -> None:
    await harness.query("greet", {"text": "x"})
    for kind in ("missing", "unexpected"):
        with pytest.raises(AgentError):
            await harness.query("stumble", {"kind": kind})
    stats = await ask(harness, "$SRV.STATS.sample")
    counted = {entry["name"]: (entry["num_requests"], entry["num_errors"]) for entry in stats["endpoints"]}
    assert counted == {"greet": (1, 0), "stumble": (2, 2), "meet": (0, 0)}


async def test_a_disabled_agent_is_gone_at_once(harness: AgentHarness) -> None:
    await harness.orchestration.want(harness.agent, enabled=False)
    await harness.orchestration.heartbeat("sample", "disabled")
    with pytest.raises(Unavailable) as caught:
        await harness.query("greet", {"text": "x"})
    assert caught.value.code == "no_responders"
    await harness.orchestration.want(harness.agent)
    await harness.orchestration.heartbeat("sample", "ready")
    assert await harness.query("greet", {"text": "x"}) == {"text": "hello x"}
