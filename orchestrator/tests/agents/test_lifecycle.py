import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import httpx
import orjson
import pytest
from nats.js import api
from sqlalchemy import text

from opsrail.agents import provisioning, service
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import CloudEvent, decode_batch
from opsrail_sdk.contracts.run import ActionCommand, AgentSpec, RunState, RunStatus

from .conftest import Package, beat, manifest

INSTALL = {"module": "opsrail_sample"}
Seen = TypeVar("Seen")


async def install(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/v1/agents", json={**INSTALL, **body})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def become(client: httpx.AsyncClient, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The agent, once it is so."""
    shown: dict[str, Any] = {}
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                shown = (await client.get("/v1/agents/sample")).json()
                if holds(shown):
                    return shown
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"still {shown}") from None


async def spec(orchestrator: Orchestrator) -> AgentSpec | None:
    key = subjects.spec_key(str(orchestrator.org_id), "sample")
    entry = await orchestrator.container.bus.kv.get(subjects.SPECS_BUCKET, key)
    return AgentSpec.model_validate_json(entry.value) if entry else None


async def events_consumer(orchestrator: Orchestrator) -> api.ConsumerInfo:
    name = subjects.events_consumer(str(orchestrator.org_id), "sample")
    return await orchestrator.container.bus.js.consumer_info(subjects.EVENTS, name)


async def once(looked: Callable[[], Awaitable[Seen]], holds: Callable[[Seen], bool]) -> Seen:
    """What is seen, once it is so: rows change a moment before the bus follows them."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds(seen := await looked()):
            await asyncio.sleep(0.02)
    return seen


async def announced(orchestrator: Orchestrator) -> list[CloudEvent]:
    """Facts about agents, in order."""
    js = orchestrator.container.bus.js
    state = (await js.stream_info(subjects.EVENTS)).state
    found = []
    for sequence in range(max(1, state.first_seq), state.last_seq + 1):
        found += decode_batch((await js.get_msg(subjects.EVENTS, seq=sequence)).data or b"")
    return [event for event in found if event.type.startswith("io.opsrail.agent.")]


async def send(orchestrator: Orchestrator, ident: str) -> None:
    event = CloudEvent(id=ident, source="/test", type="io.opsrail.sample.thing.v1")
    await orchestrator.container.bus.publish_events(str(orchestrator.org_id), [event])


async def take(orchestrator: Orchestrator, count: int = 1) -> list[str]:
    """The next events that the agent's consumer delivers; that it should be none is seen in a second."""
    org, js = str(orchestrator.org_id), orchestrator.container.bus.js
    pull = await js.pull_subscribe_bind(subjects.events_consumer(org, "sample"), subjects.EVENTS)
    taken: list[str] = []
    try:
        while not taken or len(taken) < count:
            for message in await pull.fetch(max(1, count - len(taken)), timeout=PATIENCE_SECONDS if count else 1):
                await message.ack_sync(timeout=PATIENCE_SECONDS)
                taken += [event.id for event in decode_batch(message.data)]
    except TimeoutError:
        pass
    return taken


async def test_install_makes_everything_and_starts_idle(
    orchestrator: Orchestrator, client: httpx.AsyncClient, package: Package
) -> None:
    shown = await install(client, config={"greeting": "hi"})
    assert (shown["id"], shown["state"], shown["enabled"], shown["runtime"]) == (
        "sample",
        "installed",
        False,
        "process",
    )
    assert shown["backlog"] == {"events": 0, "actions": 0}
    written = await spec(orchestrator)
    assert written is not None
    assert (written.module, written.enabled, written.config) == ("opsrail_sample", False, {"greeting": "hi"})
    assert (await events_consumer(orchestrator)).paused
    events = await announced(orchestrator)
    assert [event.type for event in events] == ["io.opsrail.agent.installed.v1"]
    assert events[0].subject == "sample"
    offers = {offer["id"]: offer for offer in (await client.get("/v1/catalogue")).json()["items"]}
    assert offers["sample"]["installed"]


async def test_a_request_that_came_during_the_pause_is_served_at_once(
    orchestrator: Orchestrator, client: httpx.AsyncClient, package: Package
) -> None:
    """The message comes before the request's idle heartbeat does, and is not taken by what woke the request."""
    await install(client)
    await client.post("/v1/agents/sample/enable")
    await client.post("/v1/agents/sample/disable")
    nats, name = orchestrator.container.bus.nc, subjects.events_consumer(str(orchestrator.org_id), "sample")
    inbox = await nats.subscribe(nats.new_inbox())
    asked = orjson.dumps({"batch": 1, "expires": int(240e9), "idle_heartbeat": int(100e9)})
    await nats.publish(f"$JS.API.CONSUMER.MSG.NEXT.{subjects.EVENTS}.{name}", asked, reply=inbox.subject)
    await send(orchestrator, "waited")
    await send(orchestrator, "waited-too")
    await client.post("/v1/agents/sample/enable")
    first = await inbox.next_msg(timeout=PATIENCE_SECONDS)
    assert [event.id for event in decode_batch(first.data)] == ["waited"]
    assert await take(orchestrator) == ["waited-too"]


async def test_state_follows_heartbeats_and_is_announced_once(
    orchestrator: Orchestrator, client: httpx.AsyncClient, package: Package
) -> None:
    await install(client)
    await client.post("/v1/agents/sample/enable")
    await beat(orchestrator)
    shown = await become(client, lambda agent: agent["state"] == "enabled")
    assert [entry["instance"] for entry in shown["instances"]] == ["one"]
    await beat(orchestrator, "failing", error="no token")
    shown = await become(client, lambda agent: agent["state"] == "failed")
    assert shown["error"] == "no token"
    await beat(orchestrator, instance="two")
    await become(client, lambda agent: agent["state"] == "degraded")
    await beat(orchestrator)
    await become(client, lambda agent: agent["state"] == "enabled" and agent["error"] is None)

    async def changed() -> list[Any]:
        return [event.data for event in await announced(orchestrator) if "state_changed" in event.type]

    changes = await once(changed, lambda seen: len(seen) >= 4)
    assert [change["state"] for change in changes] == ["enabled", "failed", "degraded", "enabled"]


async def test_code_that_differs_from_the_manifest_is_degraded(
    orchestrator: Orchestrator, client: httpx.AsyncClient, package: Package
) -> None:
    await install(client)
    await client.post("/v1/agents/sample/enable")
    await beat(orchestrator, digest="0" * 64)
    shown = await become(client, lambda agent: agent["state"] == "degraded")
    assert "differs from the installed manifest" in shown["error"]


@pytest.mark.parametrize(("backlog", "expected"), [("replay", 100), ("skip", 0)])
async def test_disabled_loses_nothing_and_the_operator_chooses(
    orchestrator: Orchestrator, client: httpx.AsyncClient, package: Package, backlog: str, expected: int
) -> None:
    await install(client)
    await client.post("/v1/agents/sample/enable")
    await send(orchestrator, "before")
    assert await take(orchestrator) == ["before"]
    await client.post("/v1/agents/sample/disable")
    for number in range(100):
        await send(orchestrator, f"while-{number}")
    assert await take(orchestrator, 0) == []
    shown = (await client.get("/v1/agents/sample")).json()
    assert (shown["state"], shown["backlog"]["events"]) == ("disabled", 100)
    await client.post("/v1/agents/sample/enable", json={"backlog": backlog})
    got = await take(orchestrator, expected)
    assert len(got) == expected
    await send(orchestrator, "after")
    assert await take(orchestrator) == ["after"]


async def test_config_is_checked_and_reaches_the_agent_without_a_restart(
    orchestrator: Orchestrator, client: httpx.AsyncClient, package: Package
) -> None:
    await install(client)
    before = await spec(orchestrator)
    wrong = await client.put("/v1/agents/sample/config", json={"config": {"times": "many"}})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_config")
    assert wrong.json()["errors"] == [{"field": "config.times", "message": "must be of type integer"}]
    right = await client.put("/v1/agents/sample/config", json={"config": {"times": 3}})
    assert right.json()["config"] == {"times": 3}
    after = await spec(orchestrator)
    assert before is not None
    assert after is not None
    assert (after.config, after.generation) == ({"times": 3}, before.generation)


async def test_two_installations_at_once_make_one_agent(client: httpx.AsyncClient, package: Package) -> None:
    answers = await asyncio.gather(*(client.post("/v1/agents", json=INSTALL) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {answer.json().get("code") for answer in answers} == {None, "agent_installed"}


async def test_uninstall_takes_everything_away_and_cancels_what_waited(
    orchestrator: Orchestrator, client: httpx.AsyncClient, package: Package
) -> None:
    await install(client)
    org, bus = str(orchestrator.org_id), orchestrator.container.bus
    run = "11111111-1111-4111-8111-111111111111"
    command = ActionCommand.model_validate(
        {
            "run_id": run,
            "org_id": org,
            "agent": "sample",
            "action": "say",
            "input": {"text": "x"},
            "capability": "x",
            "correlation_id": "c",
            "requested_at": "2026-01-01T00:00:00Z",
        }
    )
    await bus.publish(subjects.action(org, "sample", "say"), command.encode(), message_id=run)
    assert (await client.get("/v1/agents/sample")).json()["backlog"]["actions"] == 1
    assert (await client.delete("/v1/agents/sample")).status_code == 204
    assert (await client.get("/v1/agents/sample")).status_code == 404
    assert await spec(orchestrator) is None
    assert (await bus.js.stream_info(subjects.ACTIONS)).state.messages == 0
    assert await bus.js.consumers_info(subjects.ACTIONS) == []
    last = await bus.last(subjects.RUNS, subjects.run_status(org, "sample", run))
    assert last is not None
    status = RunStatus.model_validate_json(last.body)
    assert status.state is RunState.CANCELLED
    assert status.error is not None
    assert status.error.code == "agent_uninstalled"
    assert (await announced(orchestrator))[-1].type == "io.opsrail.agent.uninstalled.v1"
    await install(client)


async def test_a_crash_between_row_and_bus_is_finished_later(
    orchestrator: Orchestrator, client: httpx.AsyncClient, package: Package
) -> None:
    await install(client)
    org, bus = str(orchestrator.org_id), orchestrator.container.bus
    await bus.kv.delete(subjects.SPECS_BUCKET, subjects.spec_key(org, "sample"))
    await bus.js.delete_consumer(subjects.EVENTS, subjects.events_consumer(org, "sample"))
    await bus.kv.put(subjects.SPECS_BUCKET, subjects.spec_key(org, "ghost"), b"{}")
    await provisioning.sweep(orchestrator.container)
    assert await spec(orchestrator) is not None
    assert (await events_consumer(orchestrator)).paused
    assert await bus.kv.get(subjects.SPECS_BUCKET, subjects.spec_key(org, "ghost")) is None
    async with orchestrator.container.database.across() as session:
        await session.execute(text("UPDATE agents SET removing = true"))
    await provisioning.sweep(orchestrator.container)
    assert await spec(orchestrator) is None
    async with orchestrator.container.database.across() as session:
        assert await session.scalar(text("SELECT count(*) FROM agents")) == 0


async def test_upgrade_is_judged_by_the_new_versions_heartbeat(
    orchestrator: Orchestrator, client: httpx.AsyncClient, package: Package
) -> None:
    await install(client)
    await client.post("/v1/agents/sample/enable")
    await beat(orchestrator)
    package.write(manifest(version="2.0.0").model_dump(mode="json"))
    upgrading = asyncio.create_task(client.post("/v1/agents/sample/upgrade"))
    await become(client, lambda agent: agent["upgrading"])
    await once(
        lambda: spec(orchestrator), lambda seen: seen is not None and (seen.version, seen.generation) == ("2.0.0", 2)
    )
    busy = await client.post("/v1/agents/sample/disable")
    assert (busy.status_code, busy.json()["code"]) == (409, "upgrade_in_progress")
    await beat(orchestrator, instance="two", version="2.0.0", generation=2)
    answer = await upgrading
    assert (answer.status_code, answer.json()["version"], answer.json()["upgrading"]) == (200, "2.0.0", False)
    await once(
        lambda: announced(orchestrator), lambda seen: "io.opsrail.agent.upgraded.v1" in [event.type for event in seen]
    )


async def test_a_failing_upgrade_rolls_back_and_says_why(
    orchestrator: Orchestrator, client: httpx.AsyncClient, package: Package
) -> None:
    await install(client)
    await client.post("/v1/agents/sample/enable")
    await beat(orchestrator)
    package.write(manifest(version="2.0.0").model_dump(mode="json"))
    upgrading = asyncio.create_task(client.post("/v1/agents/sample/upgrade"))
    await become(client, lambda agent: agent["upgrading"])
    await beat(orchestrator, "failing", instance="two", version="2.0.0", generation=2, error="needs a license")
    answer = await upgrading
    assert (answer.status_code, answer.json()["code"]) == (502, "upgrade_rolled_back")
    assert "needs a license" in answer.json()["detail"]
    await once(
        lambda: spec(orchestrator), lambda seen: seen is not None and (seen.version, seen.generation) == ("1.0.0", 3)
    )
    assert (await client.get("/v1/agents/sample")).json()["version"] == "1.0.0"


async def test_an_external_agent_is_installed_by_its_manifest(
    orchestrator: Orchestrator, client: httpx.AsyncClient
) -> None:
    document = manifest().model_dump(mode="json")
    answer = await client.post("/v1/agents", json={"runtime": "external", "manifest": document})
    assert answer.status_code == 201
    written = await spec(orchestrator)
    assert written is not None
    assert written.runtime == "external"


async def test_what_was_uninstalled_stays_away_until_it_is_wanted_again(
    orchestrator: Orchestrator, client: httpx.AsyncClient, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = service.catalogue.Offer("sample", "opsrail_sample", "1.0.0")
    monkeypatch.setattr(service.catalogue, "offers", lambda: [offer])

    async def start_again() -> int:
        await service.ensure_builtin(orchestrator.container, orchestrator.org_id)
        return (await client.get("/v1/agents/sample")).status_code

    assert await start_again() == 200
    assert (await client.delete("/v1/agents/sample")).status_code == 204
    assert await start_again() == 404
    await install(client)
    monkeypatch.setattr(service.catalogue, "offers", lambda: [replace(offer, version="1.0.1")])
    assert await start_again() == 200
    assert (await client.delete("/v1/agents/sample")).status_code == 204
    assert await start_again() == 404


async def test_builtin_agents_are_installed_once(
    orchestrator: Orchestrator, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        service.catalogue, "offers", lambda: [service.catalogue.Offer("sample", "opsrail_sample", "1.0.0")]
    )
    await service.ensure_builtin(orchestrator.container, orchestrator.org_id)
    written = await spec(orchestrator)
    assert written is not None
    assert written.enabled
    package.write("raise SystemExit('read again')")
    await service.ensure_builtin(orchestrator.container, orchestrator.org_id)
    assert len(await announced(orchestrator)) == 2
