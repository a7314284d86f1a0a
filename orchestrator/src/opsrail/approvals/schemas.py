"""API shapes of approvals."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from opsrail.approvals.models import ApprovalState

Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Grant(BaseModel):
    """A yes to exactly what was seen: the hashes are those that the approval showed."""

    model_config = ConfigDict(extra="forbid")

    input_hash: Digest
    plan_hash: Digest | None = Field(default=None, description="Needed where the approval shows a plan")
    reason: Reason = ""


class Deny(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[Reason, Field(min_length=1)]


class PlanAttach(BaseModel):
    model_config = ConfigDict(extra="forbid")

    run_id: uuid.UUID = Field(description="A dry run of the same action with the same input, that succeeded")


class VoteView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    person: str
    principal: str
    name: str
    vote: Literal["grant", "deny"]
    reason: str
    at: datetime


class TargetView(BaseModel):
    """What is acted on, as the policies saw it."""

    model_config = ConfigDict(extra="ignore")

    kind: str = ""
    name: str = ""
    environment: str = ""
    production: bool = False
    protected: bool = False


class Standing(BaseModel):
    """What the caller may do about it."""

    may_grant: bool
    why_not: str | None = Field(description="Code of what stands against it")


class ApprovalView(BaseModel):
    id: uuid.UUID
    run_id: uuid.UUID
    state: ApprovalState
    agent: str
    action: str
    risk: str
    input: dict[str, Any]
    input_hash: str
    plan: dict[str, Any] | None = Field(description="What a dry run with this input said that it would do")
    plan_hash: str | None
    plan_run_id: uuid.UUID | None
    target: TargetView
    blast_radius: int | None = Field(description="How many things may be hit, where the asker said")
    change_size: int | None
    cost: str | None
    asked_by: str
    asked_by_person: str
    reason: str
    policies: list[str]
    obstacles: list[str] = Field(description="Objections of guards that a grant overrides")
    approver_role: str
    needed: int
    votes: list[VoteView]
    you: Standing
    decision_id: uuid.UUID
    granting_decision_id: uuid.UUID | None
    correlation_id: str
    end_reason: str | None
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
