"""Keeps this replica's signing keys in step with what another replica rotated, and publishes them again if lost."""

import asyncio

import structlog
from nats.errors import Error as NatsError
from sqlalchemy.exc import SQLAlchemyError

from opsrail.signing import HEARD_AFTER, Signer
from opsrail_sdk.errors import Unavailable
from opsrail_sdk.tasks import set_within

log = structlog.get_logger()

_ROUND = HEARD_AFTER / 3
"""Sooner than a new key begins to sign, so that every replica knows it by then."""


class Keys:
    """A worker."""

    name = "keys"

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if await set_within(_ROUND, stop):
                return
            try:
                await self._signer.refresh()
            except (SQLAlchemyError, NatsError, Unavailable, TimeoutError) as error:
                log.warning("keys.round_skipped", why=type(error).__name__)
