"""Tables of policy sets, of when each was activated, and of every decision. Rows are never changed or taken back."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsrail.db.base import Base, Created, OrgScoped


class PolicySetRow(Created, OrgScoped, Base):
    """One version. Its text is fixed; ``cases`` and ``report`` are those of its last test."""

    __tablename__ = "policy_sets"

    org_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    digest: Mapped[str]
    note: Mapped[str]
    created_by: Mapped[str]
    cases: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    report: Mapped[dict[str, Any] | None]
    tested_by: Mapped[str | None]
    tested_at: Mapped[datetime | None]
    """When all its cases last passed; None where they have not."""


class PolicyActivation(Created, OrgScoped, Base):
    """From here on this version decided, until the next activation. Version 0 is the shipped set."""

    __tablename__ = "policy_activations"

    org_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    version: Mapped[int]
    activated_by: Mapped[str]
    reason: Mapped[str]
    replay: Mapped[dict[str, Any]]


class Decision(Created, OrgScoped, Base):
    """What was decided about one wish, by which policies, and the whole question."""

    __tablename__ = "decisions"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    run_id: Mapped[uuid.UUID]
    agent: Mapped[str]
    action: Mapped[str]
    asker: Mapped[str]
    outcome: Mapped[str]
    reason: Mapped[str]
    policies: Mapped[list[str]]
    obstacles: Mapped[list[str]]
    """What guards objected to, each as ``code: reason``."""
    approvals: Mapped[int]
    approver_role: Mapped[str]
    policy_version: Mapped[int]
    policy_digest: Mapped[str]
    question: Mapped[dict[str, Any]]
    seconds: Mapped[float]
    follows: Mapped[uuid.UUID | None]
    """The decision that asked for the approval which this one takes into account."""
    approved_by: Mapped[list[str]]
    correlation_id: Mapped[str]
