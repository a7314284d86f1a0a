"""Table of installed agents."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsrail.db.base import Base
from opsrail_sdk.contracts.manifest import Manifest


class Agent(Base):
    """One installed agent of one organisation.

    ``events_from`` is where its event consumer begins; moving it forward skips what piled up. ``outbox`` holds
    CloudEvents that are still to be announced. ``previous`` is what an upgrade falls back to until
    ``upgrade_deadline``. A row that is ``removing`` is gone for everybody but the clean-up.
    """

    __tablename__ = "agents"

    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.org_id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    manifest: Mapped[dict[str, Any]] = mapped_column(JSON)
    module: Mapped[str]
    version: Mapped[str]
    runtime: Mapped[str]
    enabled: Mapped[bool] = mapped_column(default=False)
    removing: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(default="installed")
    config: Mapped[dict[str, Any]]
    generation: Mapped[int] = mapped_column(default=1)
    error: Mapped[str | None]
    previous: Mapped[dict[str, Any] | None]
    upgrade_deadline: Mapped[datetime | None]
    upgrade_error: Mapped[str | None]
    events_from: Mapped[datetime] = mapped_column(server_default=func.now())
    enabled_at: Mapped[datetime | None]
    outbox: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    installed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())

    def parsed_manifest(self) -> Manifest:
        return Manifest.model_validate(self.manifest)
