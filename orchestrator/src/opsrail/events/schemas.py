"""What the API shows of events, and takes."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class EventView(BaseModel):
    """An event as it is stored."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    source: str
    type: str
    subject: str | None
    time: datetime
    received_at: datetime
    connection_id: str | None
    correlation_id: str | None
    traceparent: str | None
    datacontenttype: str | None
    dataschema: str | None
    data: Any
    data_base64: str | None
    extensions: dict[str, Any] | None


class Published(BaseModel):
    """Ids of the events that are on disk, in the order they were sent."""

    events: list[str]
