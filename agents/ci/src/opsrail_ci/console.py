"""An ``ActionContext`` for a terminal: no server, no bus; artifacts go to a folder. Used by ``opsrail ci run``."""

import hashlib
import shutil
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import structlog
from rich.console import Console
from rich.text import Text

from opsrail_ci.settings import CiConfig
from opsrail_sdk.contracts.cloudevent import CloudEvent, derived_id
from opsrail_sdk.contracts.run import ArtifactStored, ConnectionSecret
from opsrail_sdk.errors import NotFound, Unavailable
from opsrail_sdk.masking import Masker

_STYLES = {"stdout": "", "stderr": "yellow", "system": "dim"}


class ConsoleContext:
    """One run in a terminal."""

    org_id = "local"
    agent_id = "ci"
    attempt = 1
    dry_run = False

    def __init__(self, config: CiConfig, *, workdir: Path, artifacts: Path, console: Console) -> None:
        self.config = config
        self.workdir = workdir
        self.run_id = str(uuid.uuid4())
        self.correlation_id = self.run_id
        self.deadline = self.now() + timedelta(days=1)
        self.log: structlog.stdlib.BoundLogger = structlog.get_logger()
        self._artifacts = artifacts
        self._console = console
        self._masker = Masker()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def line(
        self, text: str, *, stream: Literal["stdout", "stderr", "system"] = "stdout", step: str | None = None
    ) -> None:
        shown = Text.from_ansi(self._masker.text(text), style=_STYLES[stream])
        self._console.print(Text.assemble((f"{step} │ ", "cyan"), shown) if step else shown, soft_wrap=True)

    def mask(self, *secrets: str) -> None:
        self._masker.add(secrets)

    async def progress(self, fraction: float, message: str | None = None) -> None:
        """Lines say enough here."""

    async def emit(self, event: CloudEvent) -> None:
        """There is no bus."""

    async def query(self, name: str, input: Mapping[str, Any]) -> dict[str, Any]:
        raise Unavailable(f"{name}: there are no other agents here")

    async def connection(self, id_or_name: str) -> ConnectionSecret:
        raise NotFound(f"connection {id_or_name}: there are no connections here")

    async def store_artifact(
        self, path: Path, *, name: str, media_type: str, keep: timedelta | None = None
    ) -> ArtifactStored:
        target = self._artifacts / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        with target.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        now = self.now()
        return ArtifactStored(
            id=self.event_id("artifact", name),
            run_id=self.run_id,
            org_id=self.org_id,
            name=name,
            object_name=str(target),
            media_type=media_type,
            size=target.stat().st_size,
            digest=f"sha256:{digest}",
            stored_at=now,
            expires_at=now + keep if keep else None,
        )

    def event_id(self, *parts: str) -> str:
        return derived_id(self.run_id, *parts)
