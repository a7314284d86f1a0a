"""The form of an API token: ``opr_<id>_<secret>``. Only a SHA-256 of the secret is kept.

The secret has 256 random bits, so a plain hash cannot be searched; the prefix lets scanners find leaked tokens.
"""

import base64
import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass

PREFIX = "opr_"


@dataclass(frozen=True)
class PresentedToken:
    id: uuid.UUID
    secret: str


def generate(token_id: uuid.UUID) -> tuple[str, bytes]:
    """A new token as shown once, and the hash to keep."""
    secret = secrets.token_urlsafe(32).replace("_", "-")
    ident = base64.b32encode(token_id.bytes).decode().rstrip("=").lower()
    return f"{PREFIX}{ident}_{secret}", digest(secret)


def parse(text: str) -> PresentedToken | None:
    """The parts of a presented token, or ``None`` where it has not the form of one."""
    ident, separator, secret = text.removeprefix(PREFIX).partition("_")
    if not text.startswith(PREFIX) or not separator or not secret:
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
