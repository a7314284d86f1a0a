"""The public keys that capabilities are verified against, as the orchestrator publishes them now."""

import structlog

from opsrail_sdk.bus import Bus
from opsrail_sdk.capability import Keys, parse_jwks
from opsrail_sdk.contracts import subjects

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Trust:
    """Follows ``trust``/``jwks``; without it nothing is trusted."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._keys: Keys = {}

    def keys(self) -> Keys:
        return self._keys

    async def follow(self) -> None:
        """Until cancelled."""
        async for jwks in self._bus.kv.follow(subjects.TRUST_BUCKET, subjects.JWKS_KEY):
            try:
                self._keys = parse_jwks(jwks) if jwks is not None else {}
            except ValueError as error:
                log.error("jwks_unreadable", error=str(error))  # noqa: TRY400
            else:
                log.info("trust_updated", kids=sorted(self._keys))
