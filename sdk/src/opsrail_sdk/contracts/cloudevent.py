"""CloudEvents 1.0.2 in structured JSON, the envelope of every event on the bus.

Source of the format: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from opsrail_sdk.contracts.alerts import unfolded

BATCH_CONTENT_TYPE = "application/cloudevents-batch+json"
CONTENT_TYPE = "application/cloudevents+json"

NonEmpty = Annotated[str, StringConstraints(min_length=1, max_length=2048)]


def in_utc_calendar(moment: datetime) -> datetime:
    """``moment`` as it is, where UTC too has it in the years 1 to 9999: an offset can move it out of them.

    Raises:
        ValueError: it is out of them, where nobody could read it again.
    """
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("in UTC it is out of the years 1 to 9999") from None
    return moment


NAMESPACE = uuid.UUID("6f1a3c52-7d0b-5f57-9a53-0b1c6f2d9a11")
"""Namespace of the ids that we derive, so that the same cause always gives the same event id."""


def derived_id(*parts: str) -> str:
    """A UUIDv5 that depends on ``parts`` alone: repeat deliveries and repeated runs give the same id.

    What ``str(uuid.uuid5(...))`` gives, in half of its time.
    """
    named = NAMESPACE.bytes + "\x1f".join(parts).encode()
    digest = hashlib.sha1(named, usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


class CloudEvent(BaseModel):
    """One fact. ``source`` and ``id`` together are its identity; unknown extension attributes are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)

    specversion: str = Field(default="1.0", pattern=r"^1\.0$")
    id: NonEmpty
    source: NonEmpty
    type: NonEmpty
    subject: NonEmpty | None = None
    time: Annotated[AwareDatetime, AfterValidator(in_utc_calendar)] = Field(default_factory=lambda: datetime.now(UTC))
    datacontenttype: str | None = None
    dataschema: str | None = None
    data: Any = None
    data_base64: str | None = None

    orgid: str | None = None
    """Extension: the organisation; set by the platform, never trusted from a sender."""
    correlationid: str | None = None
    """Extension: one id from the webhook to the last log line."""
    connectionid: str | None = None
    """Extension: the connection that the event came in through."""
    traceparent: str | None = None
    """Extension: W3C trace context, as in the CloudEvents distributed tracing extension."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready mapping without empty attributes."""
        return self.model_dump(mode="json", exclude_none=True)

    def stamped(self, **extensions: str | None) -> "CloudEvent":
        """A copy with extension attributes set."""
        return self.model_copy(update=extensions)


_BATCH = TypeAdapter(list[CloudEvent])


def encode_batch(events: Sequence[CloudEvent]) -> bytes:
    """Events as one CloudEvents JSON batch."""
    return orjson.dumps([event.to_dict() for event in events])


def decode_batch(body: bytes) -> list[CloudEvent]:
    """The events of a batch, its folded notifications unfolded; or of a single structured event.

    Raises:
        pydantic.ValidationError: an event breaks the specification.
        ValueError: the body is not JSON.
    """
    return _BATCH.validate_python(unfolded(orjson.loads(body)))
