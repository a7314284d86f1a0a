"""Events: one effect per event id, whatever is repeated; each fails alone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import opsrail_sample
import pytest
import pytest_asyncio

from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import CloudEvent, encode_batch
from opsrail_sdk.contracts.manifest import SubscriptionSpec
from opsrail_sdk.ledger import Ledger
from opsrail_sdk.streams import consumer_config_for_events
from opsrail_sdk.testing.harness import AgentHarness
from opsrail_sdk.testing.server import NatsServer


@pytest_asyncio.fixture
async def harness(nats_server: NatsServer) -> AsyncIterator[AgentHarness]:
    opsrail_sample.CALLS.clear()
    async with AgentHarness(opsrail_sample.agent, nats_server.url, settings={"event_attempts": 3}) as running:
        yield running


def note(ident: str, **data: Any) -> CloudEvent:
    return CloudEvent(id=ident, source="/tests", type="test.noted.v1", data=data)


def calls(ident: str) -> int:
    return opsrail_sample.CALLS.count(("noted", ident))


async def publish(harness: AgentHarness, message_id: str, *events: CloudEvent) -> None:
    """One message, as a group commit makes it."""
    await harness.orchestration.bus.publish(
        subjects.event(harness.org, events[0].type), encode_batch(events), message_id=message_id
    )


async def test_a_batch_is_split_in_order(harness: AgentHarness) -> None:
    await harness.deliver(*(note(str(number)) for number in range(5)))
    assert [ident for verb, ident in opsrail_sample.CALLS if verb == "noted"] == ["0", "1", "2", "3", "4"]


async def test_types_that_nobody_listens_to_stay_away(harness: AgentHarness) -> None:
    await harness.deliver(
        CloudEvent(id="exact", source="/s", type="test.exact"),
        CloudEvent(id="longer", source="/s", type="test.exact.v2"),
        CloudEvent(id="other", source="/s", type="test.notedness"),
    )
    assert [ident for verb, ident in opsrail_sample.CALLS if verb == "noted"] == ["exact"]


async def test_the_same_event_in_two_messages_has_one_effect(harness: AgentHarness) -> None:
    await publish(harness, "1", note("a", request=True), note("b"))
    await publish(harness, "2", note("a", request=True), note("c"), note("c"))
    await harness.settled()
    assert (calls("a"), calls("b"), calls("c")) == (1, 1, 1)
    (request,) = await harness.orchestration.requests()
    assert (request.agent, request.action, request.input) == ("sample", "echo", {"text": "a"})
    assert request.cause == "a"


async def test_the_same_event_at_two_instances_has_one_effect(harness: AgentHarness, tmp_path: Path) -> None:
    async with AgentHarness(
        opsrail_sample.agent, harness.process._settings.nats_url.get_secret_value(), org=harness.org
    ):
        seen = tmp_path / "seen"
        await asyncio.gather(
            *(
                publish(harness, f"{number}-{copy}", note(str(number), file=str(seen)))
                for number in range(50)
                for copy in range(4)
            )
        )
        await harness.settled()
    assert sorted(seen.read_text().split(), key=int) == [str(number) for number in range(50)]


async def test_same_id_from_another_source_is_another_event(harness: AgentHarness) -> None:
    await harness.deliver(note("a"), note("a").stamped(source="/elsewhere"))
    assert calls("a") == 2


async def test_what_may_pass_is_tried_again_and_the_rest_of_the_batch_is_not(harness: AgentHarness) -> None:
    await harness.deliver(note("before"), note("bad", fail="retryable", times=2), note("after"))
    assert (calls("before"), calls("bad"), calls("after")) == (1, 3, 1)
    assert await harness.orchestration.events(subjects.GIVEN_UP) == []


@pytest.mark.parametrize(("kind", "attempts"), [("permanent", 1), ("retryable", 3), ("unexpected", 3)])
async def test_what_never_works_is_given_up_and_told(harness: AgentHarness, kind: str, attempts: int) -> None:
    await harness.deliver(note("bad", fail=kind), note("good"))
    assert (calls("bad"), calls("good")) == (attempts, 1)
    (told,) = await harness.orchestration.events(subjects.GIVEN_UP)
    assert told.data["event"]["id"] == "bad"
    assert "internal detail" not in told.model_dump_json()


async def test_garbage_does_not_stop_the_rest(harness: AgentHarness) -> None:
    bus = harness.orchestration.bus
    subject = subjects.event(harness.org, "test.noted.v1")
    for number, body in enumerate([b"{", b"[]", b'[{"id": 1}]', b"null"]):
        await bus.publish(subject, body, message_id=str(number))
    await harness.deliver(note("good"))
    assert calls("good") == 1


async def test_a_handler_that_was_cut_off_runs_again_and_a_done_one_does_not(bus: Bus) -> None:
    ledger, key = Ledger(bus, "org", "sample"), "event.1"
    assert await ledger.begin(key, sequence=7)
    assert not await ledger.begin(key, sequence=8)
    assert await ledger.begin(key, sequence=7)
    await ledger.end(key)
    assert not await ledger.begin(key, sequence=7)


async def test_requests_outside_the_manifest_are_refused(harness: AgentHarness) -> None:
    context = harness.event_context(note("a"))
    with pytest.raises(Exception, match=r"does not list cd\.deploy"):
        await context.request("cd.deploy", {})


async def test_filters_that_another_covers_are_left_out() -> None:
    manifest = opsrail_sample.agent.manifest.model_copy(
        update={
            "subscriptions": (
                SubscriptionSpec(name="a", types=("x.y", "x.*", "x.y.*", "z")),
                SubscriptionSpec(name="b", types=("x.y.z", "z", "z.*")),
            )
        }
    )
    config = consumer_config_for_events(manifest, "o")
    assert config is not None
    assert config.filter_subjects == ["opsrail.o.event.x.>", "opsrail.o.event.z", "opsrail.o.event.z.>"]


async def test_everything_below_covers_everything(bus: Bus) -> None:
    manifest = opsrail_sample.agent.manifest.model_copy(
        update={"subscriptions": (SubscriptionSpec(name="a", types=("*", "x.*", "y")),)}
    )
    config = consumer_config_for_events(manifest, "o")
    assert config is not None
    assert config.filter_subjects == ["opsrail.o.event.>"]
    await bus.js.add_consumer(subjects.EVENTS, config=config)


async def test_while_disabled_events_wait(harness: AgentHarness) -> None:
    await harness.orchestration.want(harness.agent, enabled=False)
    await harness.orchestration.heartbeat("sample", "disabled")
    await publish(harness, "1", note("a"))
    await asyncio.sleep(timedelta(milliseconds=300).total_seconds())
    assert calls("a") == 0
    await harness.orchestration.want(harness.agent)
    await harness.settled()
    assert calls("a") == 1
