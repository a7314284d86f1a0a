"""API shapes of guards and kill switches. The forms of selectors and rules are in ``rules``."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from opsrail.guards.rules import Budget, Freeze, Selector, Sequence

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._/-]{0,99}$")]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
KillAgent = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9_]{0,31})$")]


class _Create(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    selector: Selector = Selector()
    overridable: bool = Field(default=False, description="Whether an approval lets a run past it")
    enabled: bool = True


class FreezeCreate(_Create):
    kind: Literal["freeze"]
    rule: Freeze


class BudgetCreate(_Create):
    kind: Literal["budget"]
    rule: Budget


class SequenceCreate(_Create):
    kind: Literal["sequence"]
    rule: Sequence


GuardCreate = Annotated[FreezeCreate | BudgetCreate | SequenceCreate, Field(discriminator="kind")]


class GuardPatch(BaseModel):
    """What is left out stays as it is; ``selector`` and ``rule`` are replaced whole."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    selector: Selector | None = None
    rule: dict[str, Any] | None = Field(default=None, description="Of the form that the guard's kind has")
    overridable: bool | None = None
    enabled: bool | None = None


class GuardView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    kind: Literal["freeze", "budget", "sequence"]
    name: str
    selector: Selector
    rule: dict[str, Any]
    overridable: bool
    enabled: bool
    created_by: str
    created_at: datetime
    updated_at: datetime
    frozen_until: datetime | None = Field(default=None, description="Of a freeze that holds now: when it ends")
    next_freeze: datetime | None = Field(default=None, description="Of a freeze: when the next window begins")


class KillSwitchThrow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Reason
    cancel_running: bool = Field(default=False, description="Whether what runs now is asked to stop as well")


class KillSwitchView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    agent: str = Field(description="`*` stands for every agent")
    reason: str
    thrown_by: str
    thrown_at: datetime


class KillSwitchThrown(KillSwitchView):
    cancelled: int = Field(description="Runs under way that were asked to stop")


class KillSwitchList(BaseModel):
    items: list[KillSwitchView]
    next: None = None
