"""API shapes of policies and decisions."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from opsrail.policy.cases import Case
from opsrail.policy.language import LONGEST

VersionNumber = Annotated[int, Path(ge=0, le=2**31 - 1, description="0 is the shipped set")]
MostCases = Field(default=(), max_length=1000, description="Given and expected; see the file form in the docs")
Text = Annotated[str, Field(min_length=1, max_length=LONGEST, description="Policies in Cedar, each with an @id")]
Last = Annotated[int, Field(ge=1, le=5000, description="Decisions to ask again, newest first")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PolicyDraft(_Body):
    text: Text
    note: str = Field(default="", max_length=1000, description="What the change is for")
    cases: tuple[Case, ...] = MostCases


class PolicyCheck(_Body):
    """What is only to be looked at; nothing of it is kept."""

    text: Text
    cases: tuple[Case, ...] = MostCases


class PolicyReplay(_Body):
    """A text, or a version."""

    text: Annotated[str, Field(min_length=1, max_length=LONGEST)] | None = None
    version: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    last: Last = 500


class PolicyTest(_Body):
    cases: tuple[Case, ...] = Field(min_length=1, max_length=1000)


class PolicyActivate(_Body):
    reason: str = Field(min_length=1, max_length=1000)
    last: Last = 500
    accept: bool = Field(default=False, description="Go on although past decisions would have been others")


class Rule(BaseModel):
    id: str
    effect: Literal["permit", "forbid"]
    reason: str
    approvals: int
    approver: str | None


class CaseResult(BaseModel):
    name: str
    passed: bool
    outcome: str
    reason: str
    policies: list[str]
    differences: list[str]


class CaseReport(BaseModel):
    passed: int
    failed: int
    results: list[CaseResult]


class OutcomeChange(BaseModel):
    was: str
    now: str
    count: int


class ChangedDecision(BaseModel):
    decision_id: uuid.UUID
    run_id: uuid.UUID
    created_at: datetime
    asker: str
    action: str
    was: str
    now: str
    reason: str
    policies: list[str]


class ReplayReport(BaseModel):
    considered: int
    changed: int
    counts: list[OutcomeChange]
    summary: str
    decisions: list[ChangedDecision]


class PolicyChecked(BaseModel):
    digest: str
    rules: list[Rule]
    report: CaseReport | None = None


class PolicyVersion(BaseModel):
    version: int
    state: Literal["draft", "tested", "active", "retired", "shipped"]
    digest: str
    note: str
    created_by: str
    created_at: datetime | None
    tested_by: str | None
    tested_at: datetime | None


class PolicyWhole(PolicyVersion):
    text: str
    rules: list[Rule]
    cases: list[dict[str, Any]]
    report: CaseReport | None


class Activated(BaseModel):
    version: int
    replay: ReplayReport


class ActivationView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    version: int
    activated_by: str
    reason: str
    created_at: datetime
    replay: ReplayReport


class Activations(BaseModel):
    items: list[ActivationView]


class DecisionView(BaseModel):
    """One decision. ``question`` is what the policies were asked, whole."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    run_id: uuid.UUID
    agent: str
    action: str
    asker: str
    outcome: Literal["permit", "deny", "approval"]
    reason: str
    policies: list[str]
    obstacles: list[str]
    approvals: int
    approver_role: str
    policy_version: int
    policy_digest: str
    question: dict[str, Any]
    seconds: float
    follows: uuid.UUID | None
    approved_by: list[str]
    correlation_id: str
    created_at: datetime
