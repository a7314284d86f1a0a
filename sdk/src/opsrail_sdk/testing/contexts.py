"""A context without a bus, for unit tests of handlers: it keeps what the handler said and did.

One class stands for all four protocols of ``opsrail_sdk.context``; for the real thing see ``testing.harness``.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import structlog
from pydantic import BaseModel

from opsrail_sdk.contracts.cloudevent import CloudEvent, derived_id
from opsrail_sdk.contracts.run import ArtifactStored, ConnectionSecret
from opsrail_sdk.errors import NotFound, Unavailable
from opsrail_sdk.masking import Masker
from opsrail_sdk.testing.clock import Clock

ConfigT = TypeVar("ConfigT", bound=BaseModel)


class RecordingContext(Generic[ConfigT]):
    """Give it the config, and the answers and connections that the handler will ask for; look at it afterwards."""

    def __init__(
        self,
        config: ConfigT,
        *,
        answers: Mapping[str, dict[str, Any]] | None = None,
        connections: Mapping[str, ConnectionSecret] | None = None,
        dry_run: bool = False,
        attempt: int = 1,
        workdir: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.config = config
        self.dry_run = dry_run
        self.attempt = attempt
        self.clock = clock or Clock()
        self.org_id = "test-org"
        self.agent_id = "test-agent"
        self.run_id = "test-run"
        self.correlation_id = "test-correlation"
        self.log: structlog.stdlib.BoundLogger = structlog.get_logger()
        self.emitted: list[CloudEvent] = []
        self.requested: list[tuple[str, dict[str, Any]]] = []
        self.lines: list[str] = []
        self.progressed: list[float] = []
        self.artifacts: dict[str, bytes] = {}
        self._answers = dict(answers or {})
        self._connections = dict(connections or {})
        self._masker = Masker()
        self._workdir = workdir

    @property
    def deadline(self) -> datetime:
        return self.clock() + timedelta(minutes=10)

    @property
    def workdir(self) -> Path:
        if self._workdir is None:
            raise ValueError("this handler uses ctx.workdir: give the context one, such as pytest's tmp_path")
        return self._workdir

    def now(self) -> datetime:
        return self.clock()

    async def emit(self, event: CloudEvent) -> None:
        self.emitted.append(event)

    async def query(self, name: str, input: Mapping[str, Any]) -> dict[str, Any]:
        if name not in self._answers:
            raise Unavailable(f"nobody answers {name}", code="no_responders")
        return self._answers[name]

    async def connection(self, id_or_name: str) -> ConnectionSecret:
        if id_or_name not in self._connections:
            raise NotFound(f"no connection {id_or_name}")
        secret = self._connections[id_or_name]
        self.mask(*secret.secrets.values())
        return secret

    async def request(
        self,
        action: str,
        input: BaseModel | Mapping[str, Any],
        *,
        key: str | None = None,
        concurrency_group: str | None = None,
    ) -> None:
        wish = input.model_dump(mode="json") if isinstance(input, BaseModel) else dict(input)
        self.requested.append((action, wish))

    def line(
        self, text: str, *, stream: Literal["stdout", "stderr", "system"] = "stdout", step: str | None = None
    ) -> None:
        self.lines.append(self._masker.text(text))

    def mask(self, *secrets: str) -> None:
        self._masker.add(secrets)

    async def progress(self, fraction: float, message: str | None = None) -> None:
        self.progressed.append(fraction)

    async def store_artifact(
        self, path: Path, *, name: str, media_type: str, keep: timedelta | None = None
    ) -> ArtifactStored:
        body = await asyncio.to_thread(path.read_bytes)
        self.artifacts[name] = body
        return ArtifactStored(
            id=self.event_id(name),
            run_id=self.run_id,
            org_id=self.org_id,
            name=name,
            object_name=name,
            media_type=media_type,
            size=len(body),
            digest=f"sha256:{hashlib.sha256(body).hexdigest()}",
            stored_at=self.now(),
            expires_at=self.now() + keep if keep else None,
        )

    def event_id(self, *parts: str) -> str:
        return derived_id(self.run_id, *parts)
