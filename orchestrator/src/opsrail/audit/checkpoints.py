"""Signed statements about a chain: a checkpoint vouches for a position and its hash, a closing also ends an export.

Each is an EdDSA JWS (RFC 7515, RFC 8037) with a ``typ`` of its own and a key of its own purpose, so that none of them
passes for a capability. Pure; ``signatory`` holds the keys.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opsrail_sdk.capability import ALGORITHM, ISSUER, Keys


class Kind(StrEnum):
    """``typ`` of the token."""

    CHECKPOINT = "opsrail-audit-checkpoint+jwt"
    CLOSING = "opsrail-audit-closing+jwt"


class CheckpointInvalid(Exception):
    """Not signed by a trusted key, or not a checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a token says: the entry at ``position`` of the organisation's chain has this hash."""

    org_id: uuid.UUID
    position: int
    hash: bytes
    at: datetime


def sign(checkpoint: Checkpoint, kind: Kind, *, key: Ed25519PrivateKey, kid: str) -> str:
    """The checkpoint as a token."""
    import jwt  # noqa: PLC0415 - see opsrail_sdk.capability

    claims = {
        "iss": ISSUER,
        "org": str(checkpoint.org_id),
        "pos": checkpoint.position,
        "hash": checkpoint.hash.hex(),
        "iat": int(checkpoint.at.timestamp()),
    }
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": kid, "typ": kind})


def read(token: str, kind: Kind, keys: Keys) -> Checkpoint:
    """What a token vouches for.

    Raises:
        CheckpointInvalid: no trusted key signed it, or it is of another kind.
    """
    import jwt  # noqa: PLC0415

    try:
        header = jwt.get_unverified_header(token)
        key = keys.get(str(header.get("kid")))
        if key is None:
            raise CheckpointInvalid("signed by a key that is not trusted")
        if header.get("typ") != kind:
            raise CheckpointInvalid("not a token of this kind")
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            options={"require": ["iss", "org", "pos", "hash", "iat"], "verify_iat": False},
        )
        return Checkpoint(
            org_id=uuid.UUID(claims["org"]),
            position=int(claims["pos"]),
            hash=bytes.fromhex(claims["hash"]),
            at=datetime.fromtimestamp(claims["iat"], UTC),
        )
    except (jwt.InvalidTokenError, ValueError, TypeError) as error:
        raise CheckpointInvalid("its signature does not hold") from error
