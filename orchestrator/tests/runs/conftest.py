"""An installed agent that is played by the test itself."""

from collections.abc import AsyncIterator

import pytest
from nats.js import api

from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.played_agent import PlayedAgent, install
from opsrail_sdk.contracts import subjects
from opsrail_sdk.pull import Pull


@pytest.fixture
async def agent(orchestrator: Orchestrator) -> AsyncIterator[PlayedAgent]:
    org = str(orchestrator.org_id)
    bus = orchestrator.container.bus
    await install(orchestrator, orchestrator.org_id)
    consumer = subjects.actions_consumer(org, "calc")
    await bus.js.add_consumer(
        subjects.ACTIONS,
        api.ConsumerConfig(
            durable_name=consumer,
            filter_subject=subjects.actions_of(org, "calc"),
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=30,
        ),
    )
    pull = Pull(bus, subjects.ACTIONS, consumer)
    yield PlayedAgent(bus, org, pull)
    await pull.close()
