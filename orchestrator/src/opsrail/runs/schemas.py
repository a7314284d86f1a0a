"""API shapes of runs."""

import uuid
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from opsrail_sdk.contracts.run import RunState


class RunCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    agent: str = Field(min_length=1, max_length=64)
    action: str = Field(min_length=1, max_length=64)
    input: dict[str, Any] = Field(default_factory=dict)
    dry_run: bool = False


class RunErrorView(BaseModel):
    code: str
    message: str
    detail: dict[str, Any] | None = None


class RunView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    kind: Literal["action", "flow"]
    agent: str
    action: str
    state: RunState
    dry_run: bool
    risk: str
    input: dict[str, Any]
    output: dict[str, Any] | None
    error: RunErrorView | None
    attempt: int
    progress: float | None
    message: str | None
    instance: str | None
    requested_by: str
    cause: str | None
    concurrency_group: str | None
    correlation_id: str
    parent_id: uuid.UUID | None
    cancel_requested_at: datetime | None
    cancel_reason: str | None
    created_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


class LogLineView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    position: int
    attempt: int
    n: int
    at: datetime
    stream: Literal["stdout", "stderr", "system"]
    step: str | None
    text: str


class LogPage(BaseModel):
    """``next`` is the position to read on from (`?after=`); null where nothing more is to come."""

    items: list[LogLineView]
    next: int | None


class SignalSend(BaseModel):
    model_config = ConfigDict(extra="forbid")

    payload: dict[str, Any] | None = None
