"""Table of credentials of agents that were started elsewhere. What opens them is kept by whoever got them, only."""

import uuid
from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from opsrail.db.base import Base, Created, OrgScoped


class BusCredential(Created, OrgScoped, Base):
    """A public NKEY that an agent may log in with; a row that is gone lets nobody in."""

    __tablename__ = "bus_credentials"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    agent: Mapped[str]
    public_key: Mapped[str]
    kind: Mapped[str]
    created_by: Mapped[str]
    expires_at: Mapped[datetime | None]
