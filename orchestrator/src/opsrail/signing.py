"""The key that capability tokens are signed with. The dispatcher and the query gateway mint; agents verify.

Private keys are sealed in ``signing_keys``; public ones are published as a JWK set in the KV bucket ``trust``, which
agents watch. A rotated key goes on verifying for a while, and a new one signs only once agents have had time to hear
of it, so that no token in flight is refused.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.db.engine import Database
from opsrail.sealing import Sealer
from opsrail_sdk.bus import Bus
from opsrail_sdk.capability import Keys, mint, public_jwk
from opsrail_sdk.contracts import subjects

log = structlog.get_logger()

PURPOSE = "capability"
JWKS_KEY = "jwks"
HEARD_AFTER = timedelta(seconds=30)
"""A new key signs once it has been published for this long, unless it is the only one."""
VERIFIES_AFTER_ROTATION = timedelta(days=1)
"""How long a rotated key stays in the set: longer than a command may wait in the queue with a valid token."""
_LOCK = 0x6A776B73
"""Advisory lock: replicas that start together make one key."""


@dataclass(frozen=True)
class _Key:
    kid: str
    private: Ed25519PrivateKey
    created_at: datetime

    def jwk(self) -> dict[str, str]:
        return public_jwk(self.private.public_key(), self.kid)


class Signer:
    """Mints capability tokens. ``refresh`` before the first one, and from time to time afterwards."""

    def __init__(self, database: Database, sealer: Sealer, bus: Bus) -> None:
        self._database = database
        self._sealer = sealer
        self._bus = bus
        self._keys: list[_Key] = []

    async def refresh(self) -> None:
        """Read the living keys, making the first one where there is none, and publish their public halves."""
        async with self._database.across() as session:
            await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            keys = await self._living(session)
            if not keys:
                await self._create(session)
                keys = await self._living(session)
            await self._publish(keys)
        self._keys = keys

    async def rotate(self) -> str:
        """Make a new key and let the others run out; the new one's id."""
        async with self._database.across() as session:
            await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            await session.execute(
                text("UPDATE signing_keys SET retired_at = :at WHERE purpose = :purpose AND retired_at IS NULL"),
                {"at": datetime.now(UTC) + VERIFIES_AFTER_ROTATION, "purpose": PURPOSE},
            )
            kid = await self._create(session)
        await self.refresh()
        log.info("signing.rotated", kid=kid)
        return kid

    def keys(self) -> Keys:
        """Public halves of the living keys, for tokens that come back to us."""
        return {key.kid: key.private.public_key() for key in self._keys}

    def mint(
        self,
        *,
        org_id: str,
        agent: str,
        action: str,
        input: Mapping[str, Any],
        run_id: str,
        decision_id: str,
        lifetime: timedelta,
        dry_run: bool = False,
    ) -> str:
        """A token that lets ``agent`` do ``action`` with exactly this input.

        Args:
            run_id: the run, or ``query`` for a read that somebody waits for.
            decision_id: what was recorded when it was permitted.
            lifetime: from now; must cover the wait in the queue and every attempt.
        """
        key = self._signing_key()
        return mint(
            key.private,
            key.kid,
            org_id=org_id,
            agent=agent,
            action=action,
            input=input,
            run_id=run_id,
            decision_id=decision_id,
            lifetime=lifetime,
            dry_run=dry_run,
        )

    def _signing_key(self) -> _Key:
        if not self._keys:
            raise RuntimeError("the signer has no keys yet: call refresh first")
        heard = [key for key in self._keys if datetime.now(UTC) - key.created_at >= HEARD_AFTER]
        return heard[-1] if heard else self._keys[0]

    async def _living(self, session: AsyncSession) -> list[_Key]:
        rows = await session.execute(
            text(
                "SELECT kid, sealed_private_key, created_at FROM signing_keys"
                " WHERE purpose = :purpose AND (retired_at IS NULL OR retired_at > now()) ORDER BY created_at"
            ),
            {"purpose": PURPOSE},
        )
        return [
            _Key(
                row.kid,
                Ed25519PrivateKey.from_private_bytes(
                    self._sealer.open(bytes(row.sealed_private_key), context=_context(row.kid))
                ),
                row.created_at,
            )
            for row in rows
        ]

    async def _create(self, session: AsyncSession) -> str:
        private = Ed25519PrivateKey.generate()
        kid = secrets.token_hex(8)
        raw = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        await session.execute(
            text(
                "INSERT INTO signing_keys (kid, purpose, public_key, sealed_private_key)"
                " VALUES (:kid, :purpose, :public, :sealed)"
            ),
            {
                "kid": kid,
                "purpose": PURPOSE,
                "public": orjson.dumps(public_jwk(private.public_key(), kid)).decode(),
                "sealed": self._sealer.seal(raw, context=_context(kid)),
            },
        )
        return kid

    async def _publish(self, keys: list[_Key]) -> None:
        body = orjson.dumps({"keys": [key.jwk() for key in keys]})
        present = await self._bus.kv.get(subjects.TRUST_BUCKET, JWKS_KEY)
        if present is None or present.value != body:
            await self._bus.kv.put(subjects.TRUST_BUCKET, JWKS_KEY, body)


def _context(kid: str) -> str:
    return f"signing_keys/{kid}"
