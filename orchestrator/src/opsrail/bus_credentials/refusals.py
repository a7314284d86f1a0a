"""What the bus refused agents, into the audit trail. Told by the agents themselves and by the embedded server's host.

Started by ``app``; replicas share the work.
"""

import time

import orjson
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from opsrail.audit.trail import Entry
from opsrail.container import Container
from opsrail.pagination import uuid_or_none
from opsrail_sdk.contracts import subjects

log = structlog.get_logger()

AGAIN_SECONDS = 60.0
MOST_REMEMBERED = 1000
LONGEST_BODY = 4096


class BusRefusals:
    """Each thing once a minute, though agent and server both tell of it."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._subscription: Subscription | None = None
        self._noted: dict[tuple[str, ...], float] = {}

    async def start(self) -> None:
        self._subscription = await self._container.bus.nc.subscribe(
            subjects.bus_refused("*", "*"), queue=subjects.CORE_SERVICE, cb=self._hear
        )

    async def stop(self) -> None:
        if self._subscription is not None and not self._container.bus.nc.is_closed:
            try:
                await self._subscription.unsubscribe()
            except NatsError:
                log.debug("bus_refusals.stopped_without_bus")

    async def _hear(self, message: Msg) -> None:
        _, org, _, agent = message.subject.split(".", 3)
        org_id = uuid_or_none(org)
        try:
            told = orjson.loads(message.data) if len(message.data) <= LONGEST_BODY else None
        except orjson.JSONDecodeError:
            told = None
        if org_id is None or not isinstance(told, dict):
            return
        operation, subject = str(told.get("operation", "")), str(told.get("subject", ""))
        if not self._is_news(org, agent, operation, subject.lower()):
            return
        self._container.refusals.note(
            org_id,
            Entry(
                actor=f"agent:{agent}",
                verb="bus.refused",
                target=f"subject:{subject}",
                outcome="denied",
                reason=f"the credential of {agent} does not allow this {operation}",
                detail={"operation": operation, "seen_by": "server" if told.get("seen") == "server" else "agent"},
            ),
        )

    def _is_news(self, *refusal: str) -> bool:
        now = time.monotonic()
        last = self._noted.get(refusal)
        if last is not None and now - last < AGAIN_SECONDS:
            return False
        if len(self._noted) >= MOST_REMEMBERED:
            self._noted.clear()
        self._noted[refusal] = now
        return True
