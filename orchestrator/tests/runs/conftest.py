"""An installed agent that is played by the test itself."""

from collections.abc import AsyncIterator

import pytest
from nats.js import api

from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.played_agent import PlayedAgent, install
from opsrail_sdk.contracts import subjects


@pytest.fixture
async def agent(orchestrator: Orchestrator) -> AsyncIterator[PlayedAgent]:
    org = str(orchestrator.org_id)
    bus = orchestrator.container.bus
    await install(orchestrator, orchestrator.org_id)
    pull = await bus.js.pull_subscribe(
        subjects.actions_of(org, "calc"),
        durable=subjects.actions_consumer(org, "calc"),
        stream=subjects.ACTIONS,
        config=api.ConsumerConfig(ack_wait=30),
    )
    yield PlayedAgent(bus, org, pull)
    await pull.unsubscribe()
