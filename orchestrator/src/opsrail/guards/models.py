"""Tables of guards, of kill switches, and of what counts against budgets and sequence rules."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from opsrail.db.base import Base, Created, OrgScoped


class Guard(Created, OrgScoped, Base):
    """A freeze window, a budget or a sequence rule. ``selector`` and ``rule`` are documented in ``rules``."""

    __tablename__ = "guards"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    kind: Mapped[str]
    name: Mapped[str]
    selector: Mapped[dict[str, Any]]
    rule: Mapped[dict[str, Any]]
    overridable: Mapped[bool]
    enabled: Mapped[bool]
    created_by: Mapped[str]
    updated_at: Mapped[datetime]


class KillSwitch(OrgScoped, Base):
    """While the row is there, nothing of the agent is sent out; agent ``*`` stands for all."""

    __tablename__ = "kill_switches"

    org_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    agent: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    thrown_by: Mapped[str]
    thrown_at: Mapped[datetime]


class GuardUse(OrgScoped, Base):
    """A run that passed a guard which counts. Whether it counts is told by the run's state."""

    __tablename__ = "guard_uses"

    guard_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    run_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    key: Mapped[str]
    amount: Mapped[Decimal]
    at: Mapped[datetime]
