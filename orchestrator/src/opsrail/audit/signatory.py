"""The key that checkpoints are signed with. The sealer and exports sign; verification reads the public halves.

Public keys are always derived from the sealed private ones: who can write to the database but has not the secret key
cannot slip in a key of his own.
"""

import secrets

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import text

from opsrail.audit import checkpoints
from opsrail.audit.checkpoints import Checkpoint, Kind
from opsrail.db.engine import Database
from opsrail.sealing import Sealer
from opsrail_sdk.capability import Keys, public_jwk

PURPOSE = "audit"
_LOCK = 0x61756474
"""Advisory lock: replicas that start together make one key."""


class Signatory:
    """Signs with the newest key; keys are read when they are first needed."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer
        self._keys: dict[str, Ed25519PrivateKey] = {}

    async def sign(self, checkpoint: Checkpoint, kind: Kind) -> str:
        """The checkpoint as a token."""
        kid, key = list((await self._known()).items())[-1]
        return checkpoints.sign(checkpoint, kind, key=key, kid=kid)

    async def keys(self) -> Keys:
        """Public halves of every key that ever signed, by key id.

        Raises:
            SealBroken: a key was sealed with another secret key, or is not ours.
        """
        return {kid: key.public_key() for kid, key in (await self._known()).items()}

    async def jwks(self) -> list[dict[str, str]]:
        """The same as JWKs, for those who verify elsewhere."""
        return [public_jwk(key, kid) for kid, key in (await self.keys()).items()]

    async def _known(self) -> dict[str, Ed25519PrivateKey]:
        if not self._keys:
            async with self._database.across() as session:
                await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                rows = (await session.execute(_SELECT, {"purpose": PURPOSE})).all()
                self._keys = dict(self._opened(row.kid, bytes(row.sealed_private_key)) for row in rows)
                if not self._keys:
                    kid, key = secrets.token_hex(8), Ed25519PrivateKey.generate()
                    await session.execute(_INSERT, self._row(kid, key))
                    self._keys = {kid: key}
        return self._keys

    def _opened(self, kid: str, sealed: bytes) -> tuple[str, Ed25519PrivateKey]:
        return kid, Ed25519PrivateKey.from_private_bytes(self._sealer.open(sealed, context=_context(kid)))

    def _row(self, kid: str, key: Ed25519PrivateKey) -> dict[str, object]:
        raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return {
            "kid": kid,
            "purpose": PURPOSE,
            "public": orjson.dumps(public_jwk(key.public_key(), kid)).decode(),
            "sealed": self._sealer.seal(raw, context=_context(kid)),
        }


_SELECT = text("SELECT kid, sealed_private_key FROM signing_keys WHERE purpose = :purpose ORDER BY created_at, kid")
_INSERT = text(
    "INSERT INTO signing_keys (kid, purpose, public_key, sealed_private_key)"
    " VALUES (:kid, :purpose, :public, :sealed)"
)


def _context(kid: str) -> str:
    return f"signing_keys/{kid}"
