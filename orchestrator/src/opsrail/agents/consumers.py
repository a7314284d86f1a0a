"""The durable consumers of an agent at the server: made, paused, moved forward, removed to match its row."""

from datetime import UTC, datetime, timedelta

from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

from opsrail.agents.models import Agent
from opsrail_sdk.bus import Bus, consumer_config_for_actions, consumer_config_for_events
from opsrail_sdk.contracts import subjects

FOR_GOOD = datetime(2200, 1, 1, tzinfo=UTC)
"""A paused consumer stays so until somebody resumes it; the server wants a date."""
_SAME = timedelta(milliseconds=1)


async def follow(bus: Bus, agent: Agent) -> None:
    """Make both consumers match the row: filters, where events begin, paused or not."""
    js = bus.js
    org, manifest = str(agent.org_id), agent.parsed_manifest()
    paused = None if agent.enabled else FOR_GOOD.isoformat().replace("+00:00", "Z")
    events = consumer_config_for_events(manifest, org)
    if events is None:
        await _delete(js, subjects.EVENTS, subjects.events_consumer(org, agent.id))
    else:
        events = events.evolve(
            deliver_policy=api.DeliverPolicy.BY_START_TIME, opt_start_time=agent.events_from.astimezone(UTC)
        )
        await _ensure(bus, subjects.EVENTS, events.evolve(pause_until=paused))
    actions = consumer_config_for_actions(manifest, org)
    if actions is None:
        await _delete(js, subjects.ACTIONS, subjects.actions_consumer(org, agent.id))
    else:
        await _ensure(bus, subjects.ACTIONS, actions.evolve(pause_until=paused))


async def remove(js: JetStreamContext, org: str, agent_id: str) -> None:
    """Delete both consumers; their absence is no error."""
    await _delete(js, subjects.EVENTS, subjects.events_consumer(org, agent_id))
    await _delete(js, subjects.ACTIONS, subjects.actions_consumer(org, agent_id))


async def backlog(js: JetStreamContext, org: str, agent_id: str) -> tuple[int, int]:
    """Events and commands that wait or are in work; a consumer that is not there has none."""
    return (
        await _outstanding(js, subjects.EVENTS, subjects.events_consumer(org, agent_id)),
        await _outstanding(js, subjects.ACTIONS, subjects.actions_consumer(org, agent_id)),
    )


async def _outstanding(js: JetStreamContext, stream: str, name: str) -> int:
    try:
        info = await js.consumer_info(stream, name)
    except NotFoundError:
        return 0
    return (info.num_pending or 0) + (info.num_ack_pending or 0)


async def _ensure(bus: Bus, stream: str, config: api.ConsumerConfig) -> None:
    assert config.name is not None
    js = bus.js
    try:
        present: api.ConsumerInfo | None = await js.consumer_info(stream, config.name)
    except NotFoundError:
        present = None
    if present is not None and not _same_start(present.config, config):
        await js.delete_consumer(stream, config.name)
        present = None
    if present is not None and _filters(present.config) == _filters(config):
        if config.pause_until and not present.paused:
            await js.pause_consumer(stream, config.name, config.pause_until)
        elif present.paused and not config.pause_until:
            await _resume(bus, stream, config.name)
        return
    await js.add_consumer(stream, config)
    if present is not None and present.paused and not config.pause_until:
        await _resume(bus, stream, config.name)


async def _resume(bus: Bus, stream: str, name: str) -> None:
    """nats-server 2.15 forgets to wake requests that came during the pause: what waits for them would lie there until
    their next idle heartbeat. One more request wakes them; it asks on behalf of nobody, so no message goes to it.
    """
    await bus.js.resume_consumer(stream, name)
    await bus.nc.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}", b'{"no_wait":true}', reply=bus.nc.new_inbox())


def _same_start(one: api.ConsumerConfig, other: api.ConsumerConfig) -> bool:
    if one.opt_start_time is None or other.opt_start_time is None:
        return one.opt_start_time == other.opt_start_time
    return abs(one.opt_start_time - other.opt_start_time) < _SAME


def _filters(config: api.ConsumerConfig) -> frozenset[str]:
    return frozenset(config.filter_subjects or [config.filter_subject or ">"])


async def _delete(js: JetStreamContext, stream: str, name: str) -> None:
    try:
        await js.delete_consumer(stream, name)
    except NotFoundError:
        return
