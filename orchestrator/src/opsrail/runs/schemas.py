"""API shapes of runs and of dispatching them."""

import uuid
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field, model_validator

from opsrail.policy.claims import NONE, Claims
from opsrail.policy.target import target_of
from opsrail_sdk.contracts.run import RunState


class RunCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    agent: str = Field(min_length=1, max_length=64)
    action: str = Field(min_length=1, max_length=64)
    input: dict[str, Any] = Field(default_factory=dict)
    dry_run: bool = False
    context: Claims = Field(default=NONE, description="What policies should know besides the input")

    def names(self) -> tuple[str, str]:
        """Agent and action."""
        return self.agent, self.action


class DispatchRequest(BaseModel):
    """``intent`` names the action as ``agent.action``; or ``agent`` and ``action`` do."""

    model_config = ConfigDict(extra="forbid")

    intent: str | None = Field(default=None, pattern=r"^[^.]{1,64}\.[^.]{1,64}$", examples=["ci.run_pipeline"])
    agent: str | None = Field(default=None, min_length=1, max_length=64)
    action: str | None = Field(default=None, min_length=1, max_length=64)
    input: dict[str, Any] = Field(default_factory=dict)
    context: Claims = Field(default=NONE, description="What policies should know besides the input")
    dry_run: bool = False

    @model_validator(mode="after")
    def _named_once(self) -> "DispatchRequest":
        if (self.intent is None) == (self.agent is None or self.action is None) or (self.intent and self.agent):
            raise ValueError("name the action by `intent`, or by `agent` and `action`")
        return self

    def names(self) -> tuple[str, str]:
        """Agent and action."""
        if self.intent is not None:
            agent, _, action = self.intent.partition(".")
            return agent, action
        return self.agent or "", self.action or ""


class Governance(BaseModel):
    """What the gate said. ``outcome`` is told by the answer that made the run alone."""

    allowed: bool
    outcome: Literal["permit", "approval", "deny"] | None = None
    reason: str
    decision_id: uuid.UUID | None
    policies: list[str] = Field(default_factory=list)
    obstacles: list[str] = Field(default_factory=list)
    approvals: int = 0
    decision_time_ms: float | None = None


class DispatchView(BaseModel):
    status: RunState
    correlation_id: str
    run_id: uuid.UUID
    governance: Governance


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
    decision_id: uuid.UUID | None
    cancel_requested_at: datetime | None
    cancel_reason: str | None
    created_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None

    @computed_field(  # type: ignore[prop-decorator]
        description="What its input says it acts on, as policies read it: `eu/pay/api`; empty for nothing"
    )
    @property
    def target(self) -> str:
        return target_of(self.input).name


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
