"""A real nats-server for the SDK's tests: one per module, streams made, a bus connected."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from opsrail_sdk.bus import Bus, ensure_streams
from opsrail_sdk.testing.harness import PATIENCE
from opsrail_sdk.testing.server import NatsServer, nats_server_binary

AGENTS = Path(__file__).parent / "agents"
"""Agents that tests run, here and as processes of their own."""
sys.path.insert(0, str(AGENTS))


def require_nats() -> None:
    if nats_server_binary() is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("nats-server is missing")


@pytest_asyncio.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    require_nats()
    folder = tmp_path / "nats"
    folder.mkdir()
    async with NatsServer(folder) as server:
        yield server


@pytest_asyncio.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    connection = await Bus.connect(nats_server.url, name="tests", patience=PATIENCE, answer=PATIENCE)
    await ensure_streams(connection.js, replicas=1)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def agents_bus(nats_server: NatsServer, bus: Bus) -> AsyncIterator[Bus]:
    """With the limits that agents have, for tests that take the server away."""
    connection = await Bus.connect(nats_server.url, name="agent", patience=PATIENCE)
    yield connection
    await connection.close()
