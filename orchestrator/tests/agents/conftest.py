"""A package that offers an agent, installed for the test alone, and a stand-in for its running process."""

import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import orjson
import pytest
from pydantic import BaseModel

from opsrail.agents import lifecycle
from opsrail.settings import Settings
from opsrail.testing.orchestrator import Orchestrator
from opsrail.workers import heartbeats
from opsrail_sdk import ActionContext, Agent, QueryContext, Risk, action, query, streams, subscribe
from opsrail_sdk.context import EventContext
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import CloudEvent
from opsrail_sdk.contracts.manifest import Manifest
from opsrail_sdk.contracts.run import Heartbeat


class Config(BaseModel):
    greeting: str = "hello"
    times: int = 1


class Word(BaseModel):
    text: str


@action(risk=Risk.WRITE, idempotent=True)
async def say(ctx: ActionContext[Any], input: Word) -> Word:
    """Say it."""
    return input


@query()
async def echo(ctx: QueryContext[Any], input: Word) -> Word:
    """Say it back."""
    return input


@subscribe("io.opsrail.sample.*")
async def heard(ctx: EventContext[Any], event: CloudEvent) -> None:
    """Listen."""


def manifest(**changes: Any) -> Manifest:
    agent = Agent(
        id="sample",
        title="Sample",
        description="Says things",
        version="1.0.0",
        owner="tests",
        module="opsrail_sample",
        config=Config,
        connections=("prometheus",),
        actions=(say,),
        queries=(echo,),
        subscriptions=(heard,),
    )
    return agent.manifest.model_copy(update=changes)


class Package:
    """The files of an installed package; ``write`` again is an upgrade on disk."""

    def __init__(self, site: Path) -> None:
        self.site = site

    def write(self, document: Any, *, module: str = "opsrail_sample", name: str = "sample") -> None:
        """Print ``document`` as the manifest; text is run as code instead."""
        folder = self.site / module
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").touch()
        code = document if isinstance(document, str) else f"print({orjson.dumps(document).decode()!r})"
        (folder / "__main__.py").write_text(code)
        shutil.rmtree(folder / "__pycache__", ignore_errors=True)
        metadata = self.site / f"{module}-1.0.0.dist-info"
        metadata.mkdir(exist_ok=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0.0\n")
        (metadata / "entry_points.txt").write_text(f"[opsrail.agents]\n{name} = {module}\n")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(site), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    )
    package = Package(site)
    package.write(manifest().model_dump(mode="json"))
    yield package
    sys.path_importer_cache.pop(str(site), None)


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """With a heartbeat that lasts: a test sends it once, and nothing that it shows depends on how long it takes."""
    for module in (streams, heartbeats):
        monkeypatch.setattr(module, "HEARTBEAT_TTL", timedelta(hours=1))
    monkeypatch.setattr(lifecycle, "UPGRADE_PATIENCE", timedelta(hours=1))
    return settings


async def beat(
    orchestrator: Orchestrator,
    state: Literal["starting", "ready", "disabled", "draining", "failing"] = "ready",
    *,
    instance: str = "one",
    generation: int = 1,
    version: str = "1.0.0",
    digest: str | None = None,
    error: str | None = None,
) -> None:
    """A heartbeat as the agent's process would send it."""
    org = str(orchestrator.org_id)
    message = Heartbeat(
        org_id=org,
        agent="sample",
        instance=instance,
        version=version,
        manifest_digest=digest or manifest(version=version).digest(),
        state=state,
        started_at=datetime.now(UTC),
        generation=generation,
        error=error,
    )
    key = subjects.heartbeat_key(org, "sample", instance)
    await orchestrator.container.bus.kv.put(subjects.HEARTBEATS_BUCKET, key, message.encode())
