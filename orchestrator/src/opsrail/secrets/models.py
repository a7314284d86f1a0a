"""Table of the secrets that organisations keep."""

import uuid
from datetime import datetime

from sqlalchemy import LargeBinary, Uuid, func
from sqlalchemy.orm import Mapped, mapped_column

from opsrail.db.base import Base, Created, OrgScoped


class Secret(OrgScoped, Created, Base):
    """Either ``sealed`` or ``reference`` is set."""

    __tablename__ = "secrets"

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    reference: Mapped[str | None]
    version: Mapped[int]
    updated_by: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())

    def context(self) -> str:
        """What the sealed value is bound to."""
        return f"{self.org_id}/secrets/{self.name}"
