"""What a handler is given. Protocols only: the runtime and the test harness each bring their own.

``Context`` is what all four kinds of handler share; the others add what their kind can do.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import structlog
from pydantic import BaseModel

from opsrail_sdk.contracts.cloudevent import CloudEvent
from opsrail_sdk.contracts.run import ArtifactStored, ConnectionSecret

Config_co = TypeVar("Config_co", bound=BaseModel, covariant=True)


class Context(Protocol[Config_co]):
    """Shared by every handler."""

    @property
    def org_id(self) -> str: ...
    @property
    def agent_id(self) -> str: ...
    @property
    def config(self) -> Config_co:
        """The operator's settings, as they are now."""
        ...

    @property
    def correlation_id(self) -> str: ...
    @property
    def log(self) -> structlog.stdlib.BoundLogger:
        """The process log, with the correlation id bound; for run output use ``ActionContext.line``."""
        ...

    def now(self) -> datetime:
        """The clock, so that tests can bring their own. Always UTC."""
        ...

    async def emit(self, event: CloudEvent) -> None:
        """Publish a fact; returns once it is on disk. The same id again has no second effect."""
        ...

    async def query(self, name: str, input: Mapping[str, Any]) -> dict[str, Any]:
        """Ask another agent, as ``agent.query``.

        Raises:
            Unavailable: nobody answers.
            AgentError: it answered with an error.
        """
        ...


class QueryContext(Context[Config_co], Protocol[Config_co]):
    """A read that somebody waits for."""

    async def connection(self, id_or_name: str) -> ConnectionSecret:
        """Address and credentials of an outside system, if this agent may use its kind.

        Raises:
            NotFound: no such connection.
            Refused: the agent's manifest does not list its kind.
        """
        ...


class EventContext(Context[Config_co], Protocol[Config_co]):
    """One event being handled."""

    async def request(
        self,
        action: str,
        input: BaseModel | Mapping[str, Any],
        *,
        key: str | None = None,
        concurrency_group: str | None = None,
    ) -> None:
        """Ask for a run of ``agent.action``; returns once the wish is on disk.

        Args:
            key: makes the run happen once; by default the event's source, id and the action.
            concurrency_group: a newer run of the same group cancels older unfinished ones.
        """
        ...


class ActionContext(QueryContext[Config_co], Protocol[Config_co]):
    """One governed run."""

    @property
    def run_id(self) -> str: ...
    @property
    def attempt(self) -> int:
        """1 for the first attempt."""
        ...

    @property
    def dry_run(self) -> bool: ...
    @property
    def deadline(self) -> datetime:
        """When the attempt is cut off."""
        ...

    @property
    def workdir(self) -> Path:
        """An empty folder for this attempt; removed afterwards."""
        ...

    def line(
        self, text: str, *, stream: Literal["stdout", "stderr", "system"] = "stdout", step: str | None = None
    ) -> None:
        """Add a line to the run's log. Never blocks; secrets given to ``mask`` are replaced first."""
        ...

    def mask(self, *secrets: str) -> None:
        """Replace these values by ``***`` in every later line, error and output of the run."""
        ...

    async def progress(self, fraction: float, message: str | None = None) -> None:
        """Tell watchers how far it is, 0 to 1."""
        ...

    async def store_artifact(
        self, path: Path, *, name: str, media_type: str, keep: timedelta | None = None
    ) -> ArtifactStored:
        """Stream a file into the object store and announce it; memory stays flat.

        Raises:
            Unavailable: the store is full or away; nothing half-written is announced.
        """
        ...

    def event_id(self, *parts: str) -> str:
        """An id derived from the run and ``parts``, so that a repeated attempt emits the same events."""
        ...
