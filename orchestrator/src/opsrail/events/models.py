"""Table of events."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from opsrail.db.base import Base


class Event(Base):
    """A fact. Partitioned by ``received_on``; identity is organisation, source and id."""

    __tablename__ = "events"

    org_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    received_on: Mapped[date] = mapped_column(primary_key=True)
    type: Mapped[str]
    subject: Mapped[str | None]
    time: Mapped[datetime]
    received_at: Mapped[datetime]
    connection_id: Mapped[str | None]
    correlation_id: Mapped[str | None]
    traceparent: Mapped[str | None]
    datacontenttype: Mapped[str | None]
    dataschema: Mapped[str | None]
    data: Mapped[dict[str, Any] | None]
    data_base64: Mapped[str | None]
    extensions: Mapped[dict[str, Any] | None]
