"""The contexts that handlers get in a running agent: the protocols of ``context``, on the real bus."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import structlog
from pydantic import BaseModel

from opsrail_sdk import masking, telemetry
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import CloudEvent, derived_id
from opsrail_sdk.contracts.run import (
    ActionCommand,
    ArtifactStored,
    ConnectionSecret,
    RunRequest,
    RunState,
    RunStatus,
)
from opsrail_sdk.errors import AgentError, InvalidInput, Refused, Unavailable
from opsrail_sdk.fence import Fence
from opsrail_sdk.masking import Masker
from opsrail_sdk.objects import ObjectStored, new_upload
from opsrail_sdk.run_log import RunLogger

ConfigT = TypeVar("ConfigT", bound=BaseModel)

_PATIENCE = timedelta(seconds=30)
_QUERY_PATIENCE = timedelta(seconds=30)
_CORE_PATIENCE = timedelta(minutes=5)
_CORE_PAUSE = timedelta(milliseconds=200)
_CORE_LONGEST_PAUSE = timedelta(seconds=5)
_CORE_AWAY = frozenset({"no_responders", "query_timeout", Unavailable.code})
_PROGRESS_EVERY = timedelta(milliseconds=500)


def utc_now() -> datetime:
    return datetime.now(UTC)


class LiveContext(Generic[ConfigT]):
    """Also what schedules get."""

    def __init__(
        self,
        bus: Bus,
        *,
        org_id: str,
        agent_id: str,
        config: Callable[[], ConfigT],
        correlation_id: str,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._bus = bus
        self._config = config
        self._clock = clock
        self.org_id = org_id
        self.agent_id = agent_id
        self.correlation_id = correlation_id
        self.log: structlog.stdlib.BoundLogger = structlog.get_logger()

    @property
    def config(self) -> ConfigT:
        return self._config()

    def now(self) -> datetime:
        return self._clock()

    async def emit(self, event: CloudEvent) -> None:
        stamped = event.stamped(correlationid=event.correlationid or self.correlation_id)
        stamped = stamped.model_copy(update=masking.hide({"data": event.data, "subject": event.subject}))
        await self._bus.publish_events(self.org_id, [stamped], patience=_PATIENCE)

    async def query(self, name: str, input: Mapping[str, Any]) -> dict[str, Any]:
        agent, _, verb = name.partition(".")
        if not verb:
            raise InvalidInput(f"{name!r} is no agent.query")
        return await self._bus.query(
            self.org_id, agent, verb, input, patience=_QUERY_PATIENCE, correlation_id=self.correlation_id
        )


class LiveQueryContext(LiveContext[ConfigT]):
    """``capability`` is what the orchestrator sent along; core opens connections for its bearer alone."""

    def __init__(self, *args: Any, capability: str | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._capability = capability

    async def connection(self, id_or_name: str) -> ConnectionSecret:
        answer = await self._bus.query(
            self.org_id,
            subjects.CORE_SERVICE,
            "connection",
            {"connection": id_or_name, "agent": self.agent_id},
            patience=_QUERY_PATIENCE,
            correlation_id=self.correlation_id,
            capability=self._capability,
        )
        secret = ConnectionSecret.model_validate(answer)
        masking.everywhere.add(secret.secrets.values())
        return secret


class LiveEventContext(LiveContext[ConfigT]):
    """``requests`` is the manifest's list of runs that the agent may ask for."""

    def __init__(self, *args: Any, event: CloudEvent, requests: frozenset[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._event = event
        self._requests = requests

    async def request(
        self,
        action: str,
        input: BaseModel | Mapping[str, Any],
        *,
        key: str | None = None,
        concurrency_group: str | None = None,
    ) -> None:
        if action not in self._requests:
            raise Refused(f"the manifest of {self.agent_id} does not list {action} among its requests")
        agent, _, verb = action.partition(".")
        run_key = key or derived_id(self._event.source, self._event.id, action)
        wish = RunRequest(
            org_id=self.org_id,
            agent=agent,
            action=verb,
            input=input.model_dump(mode="json") if isinstance(input, BaseModel) else dict(input),
            key=run_key,
            requested_by=f"agent:{self.agent_id}",
            concurrency_group=concurrency_group,
            cause=self._event.id,
            correlation_id=self.correlation_id,
            traceparent=telemetry.traceparent(),
        )
        await self._bus.publish(
            subjects.request(self.org_id, agent, verb),
            wish.encode(),
            message_id=derived_id(self.org_id, action, run_key),
            patience=_PATIENCE,
        )


class LiveActionContext(LiveQueryContext[ConfigT]):
    """One attempt of a run."""

    def __init__(
        self,
        bus: Bus,
        *,
        command: ActionCommand,
        status: RunStatus,
        fence: Fence,
        masker: Masker,
        lines: RunLogger,
        workdir: Path,
        deadline: datetime,
        config: Callable[[], ConfigT],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(
            bus,
            org_id=command.org_id,
            agent_id=command.agent,
            config=config,
            correlation_id=command.correlation_id,
            clock=clock,
            capability=command.capability,
        )
        self._status = status
        self._fence = fence
        self._masker = masker
        self._lines = lines
        self._progress_at: datetime | None = None
        self.run_id = command.run_id
        self.attempt = status.attempt
        self.dry_run = command.dry_run
        self.deadline = deadline
        self.workdir = workdir

    async def connection(self, id_or_name: str) -> ConnectionSecret:
        """While the platform itself is away the run waits: that is no failed attempt of the action."""
        give_up = min(self.now() + _CORE_PATIENCE, self.deadline)
        pause = _CORE_PAUSE
        while True:
            try:
                secret = await super().connection(id_or_name)
                break
            except Unavailable as error:
                if error.code not in _CORE_AWAY or self.now() + pause >= give_up:
                    raise
                if pause == _CORE_PAUSE:
                    self.line("waiting for the orchestrator to open a connection", stream="system")
            await asyncio.sleep(pause.total_seconds())
            pause = min(pause * 2, _CORE_LONGEST_PAUSE)
        self.mask(*secret.secrets.values())
        return secret

    def line(
        self, text: str, *, stream: Literal["stdout", "stderr", "system"] = "stdout", step: str | None = None
    ) -> None:
        self._lines.add(text, stream=stream, step=step)

    def mask(self, *secrets: str) -> None:
        self._masker.add(secrets)
        masking.everywhere.add(secrets)

    async def progress(self, fraction: float, message: str | None = None) -> None:
        """At most two a second are told; the rest are passed over."""
        now = self.now()
        if self._progress_at is not None and now - self._progress_at < _PROGRESS_EVERY:
            return
        self._progress_at = now
        status = self._status.model_copy(
            update={
                "state": RunState.RUNNING,
                "at": now,
                "progress": min(1.0, max(0.0, fraction)),
                "message": None if message is None else self._masker.text(message),
            }
        )
        try:
            await self._fence.write(status)
        except Unavailable as error:
            self.log.warning("progress_not_told", run_id=self.run_id, error=str(error))

    async def store_artifact(
        self, path: Path, *, name: str, media_type: str, keep: timedelta | None = None
    ) -> ArtifactStored:
        artifact_id = derived_id(self.run_id, str(self.attempt), name)
        object_name = f"{self.run_id}/{artifact_id}"
        stored = await self._store(object_name, path)
        now = self.now()
        artifact = ArtifactStored(
            id=artifact_id,
            run_id=self.run_id,
            org_id=self.org_id,
            name=name,
            object_name=object_name,
            media_type=media_type,
            size=stored.size,
            digest=stored.digest,
            stored_at=now,
            expires_at=now + keep if keep else None,
        )
        await self._bus.publish(
            subjects.run_artifact(self.org_id, self.agent_id, self.run_id),
            artifact.encode(),
            message_id=uuid.uuid4().hex,  # that nobody can guess, and so have ours taken for repeated
            patience=_PATIENCE,
        )
        return artifact

    async def _store(self, object_name: str, path: Path) -> ObjectStored:
        upload = new_upload()
        try:
            return await self._bus.objects.store(
                subjects.artifacts_bucket(self.org_id), object_name, path, upload=upload
            )
        except Unavailable:
            with suppress(AgentError):
                await self._bus.query(
                    self.org_id,
                    subjects.CORE_SERVICE,
                    "discard",
                    {"upload": upload},
                    patience=_QUERY_PATIENCE,
                    correlation_id=self.correlation_id,
                )
            raise

    def event_id(self, *parts: str) -> str:
        return derived_id(self.run_id, *parts)
