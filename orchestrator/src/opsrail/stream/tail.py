"""Reads a stream from a sequence on, in order, without acknowledgements: what an SSE client follows.

A pull consumer in the server's memory: nothing is sent ahead of what the client has taken, so a slow client costs
neither memory nor a "slow consumer". A consumer that went away, as with a restart of the server, is made anew after
the last message that was given.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import api
from nats.js.errors import Error as JetStreamError

from opsrail.workers.batch_pull import BatchPull, ConsumerGone
from opsrail_sdk.bus import Bus

log = structlog.get_logger()

_BATCH = 100
_BATCH_BYTES = 4 << 20
_FORGOTTEN_AFTER = 60.0
_AGAIN = 0.5


@dataclass(frozen=True)
class Bounds:
    """First and next sequence of a stream."""

    first: int
    next: int


async def bounds(bus: Bus, stream: str) -> Bounds:
    """What the stream holds now.

    Raises:
        NatsError: the server does not answer.
    """
    state = (await bus.js.stream_info(stream)).state
    return Bounds(state.first_seq, state.last_seq + 1)


async def follow(bus: Bus, stream: str, filters: Sequence[str], *, start: int) -> AsyncGenerator[Msg]:
    """Messages at or after ``start`` on any of the subjects; never ends by itself."""
    upcoming = start
    never = asyncio.Event()
    while True:
        try:
            name = await _consumer(bus, stream, filters, upcoming)
            try:
                async with BatchPull(bus, stream, name, messages=_BATCH, size=_BATCH_BYTES) as pull:
                    while True:
                        for message in await pull.next(never):
                            upcoming = message.metadata.sequence.stream + 1
                            yield message
            finally:
                with suppress(NatsError, JetStreamError, TimeoutError):
                    await bus.js.delete_consumer(stream, name)
        except (ConsumerGone, NatsError, TimeoutError) as error:
            log.debug("stream.again", stream=stream, error=repr(error))
            await asyncio.sleep(_AGAIN)


async def _consumer(bus: Bus, stream: str, filters: Sequence[str], start: int) -> str:
    info = await bus.js.add_consumer(
        stream,
        api.ConsumerConfig(
            filter_subjects=list(filters),
            deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=start,
            ack_policy=api.AckPolicy.NONE,
            mem_storage=True,
            num_replicas=1,
            inactive_threshold=_FORGOTTEN_AFTER,
        ),
    )
    return info.name
