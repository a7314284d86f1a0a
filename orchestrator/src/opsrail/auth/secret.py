"""The form of secrets that callers present: ``<prefix><id>_<secret>``. Only a SHA-256 of the secret is kept.

The secret has 256 random bits, so a plain hash cannot be searched; the prefix lets scanners find leaked ones.
"""

import base64
import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass

PREFIX = "opr_"
"""API tokens."""
SESSION_PREFIX = "ops_"
INVITATION_PREFIX = "opi_"


@dataclass(frozen=True)
class PresentedToken:
    id: uuid.UUID
    secret: str


def generate(ident: uuid.UUID, prefix: str = PREFIX) -> tuple[str, bytes]:
    """A new secret as shown once, and the hash to keep."""
    secret = secrets.token_urlsafe(32).replace("_", "-")
    encoded = base64.b32encode(ident.bytes).decode().rstrip("=").lower()
    return f"{prefix}{encoded}_{secret}", digest(secret)


def parse(text: str, prefix: str = PREFIX) -> PresentedToken | None:
    """The parts of what was presented, or ``None`` where it has not the form."""
    ident, separator, secret = text.removeprefix(prefix).partition("_")
    if not text.startswith(prefix) or not separator or not secret:
        return None
    try:
        raw = base64.b32decode(ident.upper() + "=" * (-len(ident) % 8))
        return PresentedToken(uuid.UUID(bytes=raw), secret)
    except ValueError:
        return None


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def matches(secret: str, kept: bytes) -> bool:
    """Constant-time comparison."""
    return hmac.compare_digest(digest(secret), kept)
