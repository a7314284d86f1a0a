"""Fixtures of the CI agent's tests: a recording context, repositories over HTTP, forges, a Docker engine."""

import asyncio
import contextlib
import io
import os
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

sys.path.append(str(Path(__file__).parents[3]))  # for tests.simulators, whichever way pytest is started

import pytest
from rich.console import Console

from opsrail_ci.console import ConsoleContext
from opsrail_ci.engine import Engine, connect_blocking
from opsrail_ci.settings import CiConfig, process_settings
from opsrail_sdk.contracts.cloudevent import CloudEvent, derived_id
from opsrail_sdk.contracts.run import ArtifactStored, ConnectionSecret
from opsrail_sdk.errors import NotFound
from opsrail_sdk.testing.busybox import NoBusybox, root_filesystem
from tests.simulators.git_http import GitServer, Repository
from tests.simulators.github import GitHubSimulator
from tests.simulators.gitlab import GitLabSimulator

RUN = f"run-{uuid.uuid4().hex[:8]}"
"""Of this process alone: at the engine, which others use as well, a run begins by removing what it may have left."""


class RecordingContext(ConsoleContext):
    """A run's context that keeps what it is given; ``connections`` are what the platform would open."""

    def __init__(self, config: CiConfig, folder: Path, *, run_id: str = RUN) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        console = Console(file=io.StringIO(), width=200)
        super().__init__(config, workdir=folder / "work", artifacts=folder / "artifacts", console=console)
        self.workdir.mkdir(parents=True)
        self.run_id = run_id
        self.folder = folder
        self.lines: list[tuple[str, str, str | None]] = []
        self.events: list[CloudEvent] = []
        self.stored: list[ArtifactStored] = []
        self.connections: dict[str, ConnectionSecret] = {}

    def line(self, text: str, *, stream: Any = "stdout", step: str | None = None) -> None:
        self.lines.append((self._masker.text(text), stream, step))

    async def emit(self, event: CloudEvent) -> None:
        self.events.append(event)

    async def connection(self, id_or_name: str) -> ConnectionSecret:
        if id_or_name not in self.connections:
            raise NotFound(f"no connection {id_or_name}")
        return self.connections[id_or_name]

    async def store_artifact(self, path: Path, **kwargs: Any) -> ArtifactStored:
        stored = await super().store_artifact(path, **kwargs)
        self.stored.append(stored)
        return stored

    def event_id(self, *parts: str) -> str:
        return derived_id(self.run_id, *parts)

    @property
    def text(self) -> str:
        return "\n".join(text for text, _, _ in self.lines)

    def said(self, step: str) -> list[str]:
        """What a step printed, without our own remarks."""
        return [text for text, stream, name in self.lines if name == step and stream != "system"]

    def types(self) -> list[str]:
        """Short names of the events, in order."""
        return [".".join(event.type.split(".")[2:4]) for event in self.events]


@pytest.fixture
def make_ctx(tmp_path: Path) -> Callable[..., RecordingContext]:
    made: list[RecordingContext] = []

    def make(run_id: str = RUN, **config: Any) -> RecordingContext:
        folder = tmp_path / f"ctx-{len(made)}"
        made.append(RecordingContext(CiConfig(**config), folder, run_id=run_id))
        return made[-1]

    return make


@pytest.fixture
def ctx(make_ctx: Callable[..., RecordingContext]) -> RecordingContext:
    return make_ctx()


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "repositories") as server:
        yield server


@pytest.fixture
def repository(git_server: GitServer) -> Repository:
    return Repository(git_server.root, "acme/shop")


@pytest.fixture
def github() -> Iterator[GitHubSimulator]:
    with GitHubSimulator() as simulator:
        yield simulator


@pytest.fixture
def gitlab() -> Iterator[GitLabSimulator]:
    with GitLabSimulator() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def quick_kills(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Steps that ignore SIGTERM are killed after a second here, and a stopped run is heard out."""
    monkeypatch.setattr("opsrail_ci.actions.run_pipeline._LAST_WORDS", timedelta(minutes=1))
    monkeypatch.setenv("OPSRAIL_CI_KILL_GRACE", "PT1S")
    process_settings.cache_clear()
    yield
    process_settings.cache_clear()


@pytest.fixture
def still() -> Callable[[str], bool]:
    """Whether a process with this word in its command line is alive."""

    def look(word: str) -> bool:
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError):
                    if word in (folder / "cmdline").read_text().split("\0"):
                        return True
        return False

    return look


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Waits for something that nobody announces; the test's own time limit bounds it."""

    async def wait(happened: Callable[[], bool]) -> None:
        while not happened():
            await asyncio.sleep(0.01)

    return wait


def missing(what: str) -> NoReturn:
    """A component that is not here: an error where everything has been installed, else a skip."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


@pytest.fixture
def engine() -> Iterator[Engine]:
    """The engine that DOCKER_HOST names."""
    found = connect_blocking()
    if found is None:
        missing("a Docker engine (DOCKER_HOST)")
    yield found
    found.client.close()


@pytest.fixture
def registry() -> str:
    """Host and port of a registry on loopback."""
    address = os.environ.get("OPSRAIL_TEST_REGISTRY")
    if not address:
        missing("a container registry (OPSRAIL_TEST_REGISTRY)")
    return address


@pytest.fixture
def busybox(engine: Engine) -> str:
    """A base image made of the static busybox of this machine: no registry can be assumed."""
    name = "opsrail-test/busybox:1"
    if any(name in image.tags for image in engine.client.images.list()):
        return name
    try:
        content = root_filesystem()
    except NoBusybox as error:
        missing(str(error))
    engine.client.api.import_image_from_data(content, repository="opsrail-test/busybox", tag="1")
    return name
