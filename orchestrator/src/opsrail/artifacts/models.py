"""Table of artifacts."""

import uuid
from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from opsrail.db.base import Base


class Artifact(Base):
    """A file of a run; the bytes are in the organisation's object store under ``object_name``."""

    __tablename__ = "artifacts"

    org_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[uuid.UUID]
    name: Mapped[str]
    object_name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    digest: Mapped[str]
    stored_at: Mapped[datetime]
    expires_at: Mapped[datetime]
