"""Fixtures of the end-to-end stories: the shared stack with a forge, an engine, a registry."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from opsrail.testing.stack import Stack
from tests.e2e.chromium import chromium
from tests.e2e.support import Forge, connect, missing
from tests.simulators.git_http import GitServer

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The time limit of a story, which may have to start the whole product first; unless it sets its own."""
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """Real repositories over HTTP."""
    with GitServer(tmp_path_factory.mktemp("git")) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one module alone: its event loop must not be there when others bring theirs."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    """The administrator's client of the shared stack, whose CI agent is ready."""
    stack.wait_agents("ci")
    with stack.client() as client:
        yield client


@pytest.fixture
def forge(client: httpx.Client, git: GitServer) -> Forge:
    """A connection of its own to the shared git server."""
    return Forge(client, connect(client, "github", f"forge-{uuid.uuid4().hex[:8]}"), git)


@pytest.fixture(scope="session")
def engine() -> None:
    """There is a Docker engine."""
    try:
        answered = subprocess.run(["docker", "version"], capture_output=True, timeout=60, check=False).returncode == 0
    except FileNotFoundError:
        answered = False
    if not answered:
        missing("a Docker engine (DOCKER_HOST)")


@pytest.fixture(scope="session")
def registry() -> str:
    """Host and port of a registry on loopback."""
    address = os.environ.get("OPSRAIL_TEST_REGISTRY")
    if not address:
        missing("a container registry (OPSRAIL_TEST_REGISTRY)")
    return address
