"""Tables of the audit trail. Entries are written by ``trail`` and chained by ``sealer``."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from opsrail.db.base import Base, OrgScoped


class AuditEntry(OrgScoped, Base):
    """``position`` and ``hash`` are null until it is sealed; ``id`` is the order of writing, not of commits."""

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    verb: Mapped[str]
    target: Mapped[str]
    outcome: Mapped[str]
    reason: Mapped[str]
    decision_id: Mapped[uuid.UUID | None]
    correlation_id: Mapped[str | None]
    detail: Mapped[dict[str, Any]]
    position: Mapped[int | None]
    hash: Mapped[bytes | None] = mapped_column(LargeBinary)


class AuditCheckpoint(OrgScoped, Base):
    """A signed statement about the entry at ``position``; see ``checkpoints``."""

    __tablename__ = "audit_checkpoints"

    org_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    token: Mapped[str]
