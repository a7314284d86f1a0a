"""Tables of approvals and of the votes that they got."""

import uuid
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from opsrail.db.base import Base, Created, OrgScoped


class ApprovalState(StrEnum):
    """``withdrawn``: its run was cancelled. Only ``pending`` ever changes."""

    PENDING = "pending"
    GRANTED = "granted"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Approval(Created, OrgScoped, Base):
    """A run waits for it. ``needed`` distinct people must say yes; one no ends it."""

    __tablename__ = "approvals"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    run_id: Mapped[uuid.UUID]
    state: Mapped[str] = mapped_column(default=ApprovalState.PENDING)
    asked_by: Mapped[str]
    asked_by_person: Mapped[str]
    """Whoever stands behind ``asked_by``; may not approve."""
    reason: Mapped[str]
    policies: Mapped[list[str]]
    obstacles: Mapped[list[str]]
    """Objections of guards that granting overrides."""
    needed: Mapped[int]
    approver_role: Mapped[str]
    input_hash: Mapped[str]
    """SHA-256 of the run's canonical input, hex."""
    plan: Mapped[dict[str, Any] | None]
    """What a dry run with the same input said that it would do."""
    plan_hash: Mapped[str | None]
    plan_run_id: Mapped[uuid.UUID | None]
    decision_id: Mapped[uuid.UUID]
    granting_decision_id: Mapped[uuid.UUID | None]
    end_reason: Mapped[str | None]
    told: Mapped[int] = mapped_column(default=0)
    """How many of its facts were published: that it was asked for, and how it ended."""
    deadline: Mapped[datetime | None]
    """Where a policy says how long it may be waited for."""
    ended_at: Mapped[datetime | None]

    def expires_at(self, lifetime: timedelta) -> datetime:
        """When it runs out; ``lifetime`` is that of approvals of which no policy says."""
        return self.deadline or self.created_at + lifetime


class Vote(OrgScoped, Base):
    """What one person said, through which principal."""

    __tablename__ = "approval_votes"

    approval_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(primary_key=True)
    principal: Mapped[str]
    name: Mapped[str]
    vote: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]
