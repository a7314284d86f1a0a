"""Table of connections."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from opsrail.db.base import Base, Created, OrgScoped


class Connection(OrgScoped, Created, Base):
    """``sealed_secrets`` maps a field to its sealed value in base64, or to ``{"$ref": …}``; see ``vault``."""

    __tablename__ = "connections"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    settings: Mapped[dict[str, Any]]
    sealed_secrets: Mapped[dict[str, Any]]
    hook_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    previous_hook_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    previous_hook_secret_until: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
