"""Keeps this replica's signing keys in step with what another replica rotated, and publishes them again if lost."""

import asyncio
from contextlib import suppress

import structlog
from nats.errors import Error as NatsError
from sqlalchemy.exc import SQLAlchemyError

from opsrail.signing import HEARD_AFTER, Signer
from opsrail_sdk.errors import Unavailable

log = structlog.get_logger()

_ROUND_SECONDS = HEARD_AFTER.total_seconds() / 3
"""Sooner than a new key begins to sign, so that every replica knows it by then."""


class Keys:
    """A worker."""

    name = "keys"

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), timeout=_ROUND_SECONDS)
                return
            try:
                await self._signer.refresh()
            except (SQLAlchemyError, NatsError, Unavailable, TimeoutError) as error:
                log.warning("keys.round_skipped", why=type(error).__name__)
