"""Messages about runs: what is asked, what is ordered, what happened.

States and who moves them::

    requested -> denied | awaiting_approval | queued          orchestrator
    queued -> running                                          agent, by claiming the run's status subject
    running -> succeeded | failed | timed_out | cancelled | interrupted
    succeeded -> verifying -> verified | unverified -> rolled_back   where the action names a check
"""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from opsrail_sdk.contracts.access import BusAccess
from opsrail_sdk.contracts.manifest import AgentId, VerbName


class Message(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    def encode(self) -> bytes:
        """JSON as it travels."""
        return orjson.dumps(self.model_dump(mode="json", exclude_none=True))


class RunState(StrEnum):
    REQUESTED = "requested"
    DENIED = "denied"
    AWAITING_APPROVAL = "awaiting_approval"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    VERIFYING = "verifying"
    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    ROLLED_BACK = "rolled_back"


FINISHED = frozenset(
    {
        RunState.DENIED,
        RunState.SUCCEEDED,
        RunState.FAILED,
        RunState.TIMED_OUT,
        RunState.CANCELLED,
        RunState.INTERRUPTED,
        RunState.VERIFIED,
        RunState.UNVERIFIED,
        RunState.ROLLED_BACK,
    }
)
"""States in which nothing more is owed to whoever waits for the run."""

TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    RunState.REQUESTED: frozenset({RunState.DENIED, RunState.AWAITING_APPROVAL, RunState.QUEUED, RunState.CANCELLED}),
    RunState.AWAITING_APPROVAL: frozenset({RunState.DENIED, RunState.QUEUED, RunState.CANCELLED}),
    RunState.QUEUED: frozenset(
        {
            RunState.RUNNING,
            RunState.SUCCEEDED,
            RunState.FAILED,
            RunState.TIMED_OUT,
            RunState.CANCELLED,
            RunState.INTERRUPTED,
        }
    ),
    RunState.RUNNING: frozenset(
        {
            RunState.RUNNING,
            RunState.SUCCEEDED,
            RunState.FAILED,
            RunState.TIMED_OUT,
            RunState.CANCELLED,
            RunState.INTERRUPTED,
        }
    ),
    RunState.SUCCEEDED: frozenset({RunState.VERIFYING}),
    RunState.VERIFYING: frozenset({RunState.VERIFIED, RunState.UNVERIFIED}),
    RunState.UNVERIFIED: frozenset({RunState.ROLLED_BACK}),
}
"""Allowed moves; a state that is not a key has none. ``queued`` may skip ``running`` where a status was
coalesced on the way to the database."""


def canonical_json(value: Any) -> bytes:
    """Sorted, compact JSON: what input hashes are taken over."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def input_digest(value: Any) -> str:
    """SHA-256 of the canonical input, hex."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


class RunRequest(Message):
    """An agent, or anything on the bus, asks for ``agent.action``. ``key`` makes it happen once per organisation."""

    org_id: str
    agent: AgentId
    action: VerbName
    input: dict[str, Any]
    key: str = Field(min_length=1, max_length=512)
    dry_run: bool = False
    requested_by: str
    """Who asks: ``agent:<id>``."""
    concurrency_group: str | None = None
    """A newer run of the same group cancels older ones that have not finished."""
    cause: str | None = None
    """Id of the event that led to this."""
    correlation_id: str
    traceparent: str | None = None


class ActionCommand(Message):
    """A governed order to an agent. ``capability`` proves that a decision was recorded for exactly this input."""

    run_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """One token of a subject, whoever sent it."""
    org_id: str
    agent: AgentId
    action: VerbName
    input: dict[str, Any]
    dry_run: bool = False
    capability: str
    correlation_id: str
    traceparent: str | None = None
    requested_at: AwareDatetime


class RunError(Message):
    """Why a run did not succeed. ``code`` is stable; ``message`` is for people and never carries secrets."""

    code: str
    message: str
    detail: dict[str, Any] | None = None


class RunStatus(Message):
    """A state of a run. Written with an expected last sequence, so that only the current holder can."""

    run_id: str
    org_id: str
    state: RunState
    attempt: int = 1
    at: AwareDatetime
    agent: str | None = None
    instance: str | None = None
    order: int | None = None
    """Sequence in ``ACTIONS`` of the command that the run is held, or was ended, under; 0 where none was sent."""
    progress: float | None = Field(default=None, ge=0, le=1)
    message: str | None = None
    output: dict[str, Any] | None = None
    error: RunError | None = None


class CommandRefused(Message):
    """A command that an agent did not carry out. The run's status may be another's to write; this can always be told.

    ``error.code`` is ``capability_replayed`` where the run is held, or was ended, under another command.
    """

    run_id: str
    org_id: str
    agent: AgentId
    instance: str
    order: int
    """Sequence of the command in ``ACTIONS``."""
    at: AwareDatetime
    error: RunError


class LogLine(Message):
    """One line. ``n`` counts from 1 within an attempt."""

    n: int
    at: AwareDatetime
    stream: Literal["stdout", "stderr", "system"] = "stdout"
    text: str
    step: str | None = None


class RunLog(Message):
    """Lines that travelled together; repeated deliveries are told apart by ``attempt`` and ``n``."""

    run_id: str
    org_id: str
    attempt: int
    lines: tuple[LogLine, ...]


class ArtifactStored(Message):
    """A file of a run that is in the object store, whole, under ``object_name``."""

    id: str
    run_id: str
    org_id: str
    name: str
    object_name: str
    media_type: str
    size: int = Field(ge=0)
    """Bytes."""
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    stored_at: AwareDatetime
    expires_at: AwareDatetime | None = None


class Heartbeat(Message):
    """What a living instance says every few seconds."""

    org_id: str
    agent: AgentId
    instance: str
    version: str
    manifest_digest: str
    state: Literal["starting", "ready", "disabled", "draining", "failing"]
    started_at: datetime
    generation: int = 0
    in_flight: int = 0
    error: str | None = None
    pid: int | None = None


class AgentSpec(Message):
    """What should run: hosts start and stop processes, the agent follows ``enabled`` and ``config`` itself."""

    org_id: str
    agent: AgentId
    module: str
    version: str
    runtime: Literal["process", "docker", "kubernetes", "external"] = "process"
    desired: Literal["running", "stopped"] = "running"
    enabled: bool = True
    instances: int = Field(default=1, ge=0, le=64)
    generation: int = 1
    """Grows with every change that needs a new process; config changes alone leave it."""
    config: dict[str, Any] = Field(default_factory=dict)
    env: dict[str, str] = Field(default_factory=dict)
    access: BusAccess | None = None
    """Its rights on the bus, for whoever mints its credential; None where logins are shared."""


class ConnectionSecret(Message):
    """A connection with its credentials opened, answered only to a run or query that may use its kind."""

    id: str
    kind: str
    name: str
    settings: dict[str, Any] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    allow_private: bool = True
    """Whether its address may be loopback or private; what ``outgoing.transport`` wants to know."""
