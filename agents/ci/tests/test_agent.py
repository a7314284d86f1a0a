"""The whole agent on a real bus: from an order to its outcome, and through cancelling."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from opsrail_ci.agent import agent
from opsrail_sdk.contracts.manifest import Manifest
from opsrail_sdk.contracts.run import ConnectionSecret, RunState
from opsrail_sdk.testing.harness import AgentHarness
from opsrail_sdk.testing.server import NatsServer
from tests.simulators.git_http import GitServer, Repository
from tests.simulators.github import GitHubSimulator

PIPELINE = """\
steps:
  - name: build
    run: mkdir out; echo made > out/app; echo token-is-$TOKEN
    secrets: [TOKEN]
artifacts: [{paths: out/app}]
"""


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[AgentHarness]:
    folder = tmp_path / "nats"
    folder.mkdir()
    config = {"secrets": [{"name": "TOKEN", "connection": "c1", "key": "token"}]}
    async with NatsServer(folder) as server, AgentHarness(agent, server.url, config=config) as running:
        yield running


def order(server: GitServer, commit: str, **more: Any) -> dict[str, Any]:
    return {
        "repository": "acme/shop",
        "clone_url": server.url("acme/shop"),
        "ref": "refs/heads/main",
        "commit": commit,
        "event": "push",
        **more,
    }


def test_the_manifest_survives_the_wire() -> None:
    assert Manifest.model_validate_json(agent.manifest.model_dump_json()) == agent.manifest


async def test_an_order_ends_in_an_artifact_events_and_a_status(
    harness: AgentHarness, git_server: GitServer, repository: Repository, github: GitHubSimulator
) -> None:
    harness.orchestration.connections["c1"] = ConnectionSecret(
        id="c1", kind="github", name="forge", settings={"api_url": github.url}, secrets={"token": github.token}
    )
    commit = repository.commit({".opsrail/ci.yaml": PIPELINE})
    run = await harness.run("run_pipeline", order(git_server, commit, connection_id="c1"))
    assert run.status.state is RunState.SUCCEEDED, run.status.error
    assert [artifact.name for artifact in run.artifacts] == ["out/app"]
    assert "token-is-***" in run.text
    assert github.token not in run.text
    assert github.states == ["pending", "success"]
    finished = await harness.orchestration.events("dev.cdevents.pipelinerun.finished.0.3.0")
    assert [event.data["subject"]["content"]["outcome"] for event in finished] == ["success"]


async def test_a_failed_pipeline_is_a_failed_run_without_another_attempt(
    harness: AgentHarness, git_server: GitServer, repository: Repository
) -> None:
    commit = repository.commit({".opsrail/ci.yaml": "steps: [{name: a, run: exit 4}]"})
    run = await harness.run("run_pipeline", order(git_server, commit))
    assert run.status.state is RunState.FAILED
    assert run.status.error is not None
    assert (run.status.error.code, run.status.attempt) == ("pipeline_failed", 1)


async def test_a_cancelled_run_ends_promptly_and_says_so(
    harness: AgentHarness, git_server: GitServer, repository: Repository, *, github: GitHubSimulator, until: Any
) -> None:
    harness.orchestration.connections["c1"] = ConnectionSecret(
        id="c1", kind="github", name="forge", settings={"api_url": github.url}, secrets={"token": github.token}
    )
    commit = repository.commit({".opsrail/ci.yaml": "steps: [{name: a, run: sleep 600}]"})
    command = harness.orchestration.command(agent, "run_pipeline", order(git_server, commit, connection_id="c1"))
    await harness.orchestration.send(command)
    await until(lambda: github.states == ["pending"])
    while not await harness.orchestration.events("dev.cdevents.taskrun.started.0.3.0"):
        await asyncio.sleep(0.02)
    await harness.orchestration.cancel(command)
    run = await harness.orchestration.finished(command.run_id)
    assert run.status.state is RunState.CANCELLED
    assert github.states == ["pending", "error"]
    finished = await harness.orchestration.events("dev.cdevents.pipelinerun.finished.0.3.0")
    assert [event.data["subject"]["content"]["outcome"] for event in finished] == ["cancel"]


async def test_queries(harness: AgentHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    report = await harness.query("engine")
    assert [(runner["name"], runner["available"]) for runner in report["runners"]] == [
        ("host", True),
        ("image", False),
    ]
    described = await harness.query("pipelines", {"text": "steps: [{name: a, run: x}]"})
    assert (described["valid"], described["steps"][0]["step"]) == (True, "a")
    described = await harness.query("pipelines", {"text": "steps: [{name: a}]"})
    assert (described["valid"], described["problems"][0]["line"]) == (False, 1)
