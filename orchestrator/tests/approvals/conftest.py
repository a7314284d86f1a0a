"""An installed agent that is played by the test itself."""

from collections.abc import AsyncIterator

import pytest

from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.played_agent import PlayedAgent, playing


@pytest.fixture
async def agent(orchestrator: Orchestrator) -> AsyncIterator[PlayedAgent]:
    async with playing(orchestrator) as agent:
        yield agent
