"""AWS as moto plays it over HTTP, and the running agent."""

from collections.abc import AsyncIterator, Iterator

import pytest
from moto.server import ThreadedMotoServer

from opsrail.embedded.servers import Endpoints
from opsrail_cloud.agent import agent
from opsrail_sdk.testing.harness import AgentHarness


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
async def cloud(endpoints: Endpoints) -> AsyncIterator[AgentHarness]:
    async with AgentHarness(agent, endpoints.nats_url) as harness:
        yield harness
