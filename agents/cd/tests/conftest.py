"""The running agent, and platforms for it to look at."""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3]))  # for tests.simulators, whichever way pytest is started

import pytest

from opsrail.embedded.servers import Endpoints
from opsrail_cd.agent import agent
from opsrail_sdk.contracts.run import ConnectionSecret
from opsrail_sdk.testing.busybox import root_filesystem
from opsrail_sdk.testing.harness import AgentHarness
from tests.simulators.docker_engine import DockerEngineSimulator
from tests.simulators.kubernetes import KubernetesSimulator


@pytest.fixture
def cluster() -> Iterator[KubernetesSimulator]:
    with KubernetesSimulator(page=2) as simulator:
        yield simulator


@pytest.fixture
def engine() -> Iterator[DockerEngineSimulator]:
    with DockerEngineSimulator() as simulator:
        yield simulator


@pytest.fixture
async def cd(
    endpoints: Endpoints, cluster: KubernetesSimulator, engine: DockerEngineSimulator
) -> AsyncIterator[AgentHarness]:
    """The agent with the connections ``cluster`` and ``engine``."""
    async with AgentHarness(agent, endpoints.nats_url) as harness:
        harness.orchestration.connections = {
            "cluster": ConnectionSecret(
                id="1",
                kind="kubernetes",
                name="cluster",
                settings={"server": cluster.url},
                secrets={"token": cluster.token},
            ),
            "engine": ConnectionSecret(id="2", kind="docker", name="engine", settings={"host": engine.host}),
            "metrics": ConnectionSecret(id="3", kind="prometheus", name="metrics"),
        }
        yield harness


@pytest.fixture
def busybox() -> str:
    """An image at a real engine, with a shell and little else; its name."""
    name = "opsrail-test/busybox:1"
    answered = (
        shutil.which("docker")
        and not subprocess.run(["docker", "version"], capture_output=True, check=False).returncode
    )
    if not answered:
        reason = "needs a Docker engine"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    subprocess.run(["docker", "import", "-", name], input=root_filesystem(), capture_output=True, check=True)
    return name
