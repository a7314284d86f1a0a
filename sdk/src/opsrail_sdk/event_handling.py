"""Calls an agent's listeners for the events of one message, in order of arrival.

A ``Worker`` of ``process`` hands messages in. A message holds a batch; each event of it has one effect per
listener, whatever is repeated (see ``ledger``), and fails alone.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic import BaseModel

from opsrail_sdk import telemetry
from opsrail_sdk.agent import Agent, Subscription
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import CloudEvent, decode_batch, derived_id
from opsrail_sdk.errors import AgentError, PermanentError, RetryableError, Unavailable
from opsrail_sdk.ledger import Ledger
from opsrail_sdk.live_context import LiveEventContext
from opsrail_sdk.outcome import pause
from opsrail_sdk.settings import AgentSettings
from opsrail_sdk.tasks import end

"""Event that tells of an event which a listener could not handle."""

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class EventHandler:
    """The listeners of one agent process."""

    def __init__(
        self,
        agent: Agent,
        bus: Bus,
        settings: AgentSettings,
        *,
        config: Callable[[], BaseModel],
        on_result: Callable[[BaseException | None], None],
    ) -> None:
        self._agent = agent
        self._bus = bus
        self._settings = settings
        self._config = config
        self._on_result = on_result
        self._ledger = Ledger(bus, settings.org, agent.id)
        self._requests = frozenset(agent.requests)

    async def handle(self, message: Msg) -> None:
        """Handle one message to its end; cancelling gives it back at once."""
        try:
            events = decode_batch(message.data)
        except ValueError as error:
            log.error("event_unreadable", subject=message.subject, error=str(error))  # noqa: TRY400
            await message.term()
            return
        lease = asyncio.create_task(self._keep_lease(message))
        try:
            again = await self._handle_events(message, events)
            if again is None:
                await message.ack()
            else:
                await message.nak(again.total_seconds())
        except (Unavailable, NatsError) as error:
            log.warning("events_put_back", subject=message.subject, error=str(error))
            with suppress(NatsError):
                await message.nak(1)
        except asyncio.CancelledError:
            with suppress(NatsError):
                await message.nak()
            raise
        finally:
            await end(lease)

    async def _handle_events(self, message: Msg, events: list[CloudEvent]) -> timedelta | None:
        """When to bring the message again for what failed; None where nothing is left to do."""
        work = [
            (event, listener, self._ledger.key(listener.spec.name, event.source, event.id))
            for event in events
            for listener in self._agent.subscriptions
            if _listens(listener, event.type)
        ]
        sequence = message.metadata.sequence.stream
        wanted = await asyncio.gather(*(self._ledger.begin(key, sequence) for _, _, key in work))
        again: timedelta | None = None
        ended: list[str] = []
        for (event, listener, key), mine in zip(work, wanted, strict=True):
            if not mine or key in ended:
                continue
            delay = await self._handle(message, event, listener)
            if delay is None:
                ended.append(key)
            else:
                again = max(again or delay, delay)
        await asyncio.gather(*(self._ledger.end(key) for key in ended))
        return again

    async def _handle(self, message: Msg, event: CloudEvent, listener: Subscription) -> timedelta | None:
        """When to try again; None where the event is through, or was given up."""
        correlation_id = event.correlationid or derived_id(event.source, event.id)
        with telemetry.handling(
            f"{self._agent.id}.{listener.spec.name}",
            destination=message.subject,
            message_id=event.id,
            correlation_id=correlation_id,
            parent=event.traceparent,
            attributes={"cloudevents.event_id": event.id, "cloudevents.event_type": event.type},
        ) as span:
            context: LiveEventContext[Any] = LiveEventContext(
                self._bus,
                org_id=self._settings.org,
                agent_id=self._agent.id,
                config=self._config,
                correlation_id=correlation_id,
                event=event,
                requests=self._requests,
            )
            try:
                await listener(context, event)
            except Exception as error:  # noqa: BLE001 - one listener's fault must not stop the others
                code = error.code if isinstance(error, AgentError) else "unexpected"
                telemetry.mark_failed(span, code)
                self._on_result(error)
                return await self._failed(message, event, listener, error, code)
        self._on_result(None)
        return None

    async def _failed(
        self, message: Msg, event: CloudEvent, listener: Subscription, error: Exception, code: str
    ) -> timedelta | None:
        attempt = message.metadata.num_delivered
        final = isinstance(error, PermanentError) or attempt >= self._settings.event_attempts
        log.warning(
            "listener_failed",
            listener=listener.spec.name,
            event_id=event.id,
            attempt=attempt,
            code=code,
            given_up=final,
            exc_info=None if isinstance(error, AgentError) else error,
            error=str(error) if isinstance(error, AgentError) else type(error).__name__,
        )
        if not final:
            asked = error.retry_after if isinstance(error, RetryableError) else None
            return pause(attempt, self._settings.retry_base, self._settings.retry_limit, asked)
        told = CloudEvent(
            id=derived_id(self._agent.id, listener.spec.name, event.source, event.id),
            source=f"/agents/{self._agent.id}",
            type=subjects.GIVEN_UP,
            subject=event.id,
            correlationid=event.correlationid,
            data={
                "agent": self._agent.id,
                "subscription": listener.spec.name,
                "event": {"id": event.id, "source": event.source, "type": event.type},
                "code": code,
                "message": str(error) if isinstance(error, AgentError) else type(error).__name__,
            },
        )
        await self._bus.publish_events(self._settings.org, [told])
        return None

    async def _keep_lease(self, message: Msg) -> None:
        while True:
            await asyncio.sleep(self._settings.lease.total_seconds())
            with suppress(NatsError):
                await message.in_progress()


def _listens(listener: Subscription, event_type: str) -> bool:
    return any(
        pattern in {"*", event_type} or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
        for pattern in listener.spec.types
    )
