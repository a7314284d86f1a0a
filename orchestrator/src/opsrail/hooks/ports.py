"""What ingress needs from other parts of the process; implemented by ``connections`` and the bus wiring."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class HookConnection:
    """A connection that may receive webhooks, with its secret opened."""

    id: str
    org_id: str
    kind: str
    name: str
    secret: bytes = field(repr=False)
    previous_secret: bytes | None = field(default=None, repr=False)
    """The secret before a rotation, while it is still accepted."""
    settings: Mapping[str, Any] = field(default_factory=dict)


class ConnectionCache(Protocol):
    """Connections held in the process, so that a hook costs no database round trip."""

    async def get(self, connection_id: str) -> HookConnection | None:
        """The connection, or ``None`` where there is none of that id that takes hooks."""

    def at_hand(self, connection_id: str) -> HookConnection | None:
        """The connection where ``get`` would not have to wait for it."""


class EventPublisher(Protocol):
    """The part of ``opsrail_sdk.bus.Bus`` that ingress needs."""

    @property
    def max_payload(self) -> int:
        """Largest message in bytes."""

    async def publish(
        self,
        subject: str,
        body: bytes,
        *,
        message_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        patience: timedelta = ...,
    ) -> object:
        """Return once the message is on disk; attempts of one ``message_id`` are stored once.

        Raises:
            Unavailable: it is not known to be, after ``patience``.
        """
