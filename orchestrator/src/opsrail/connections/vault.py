"""Sealing and opening the secrets of connections. Each is bound to its organisation, connection and field."""

import base64
import secrets
import uuid

from opsrail.connections.models import Connection
from opsrail.hooks.signatures import STANDARD_PREFIX
from opsrail.sealing import Sealer
from opsrail.secrets.references import Reference, parse

HOOK_SECRET_BYTES = 32
_HOOK_FIELD = "hook_secret"


def seal_field(sealer: Sealer, connection: Connection, field: str, value: str) -> str:
    """A secret as kept in ``sealed_secrets``."""
    context = _context(connection.org_id, connection.id, field)
    return base64.b64encode(sealer.seal(value.encode(), context=context)).decode()


def open_fields(sealer: Sealer, connection: Connection) -> dict[str, str | Reference]:
    """All secrets of a connection, those kept elsewhere as references.

    Raises:
        SealBroken: a value was sealed with another key or for another row.
    """
    return {
        field: parse(value["$ref"])
        if isinstance(value, dict)
        else sealer.open(base64.b64decode(value), context=_context(connection.org_id, connection.id, field)).decode()
        for field, value in connection.sealed_secrets.items()
    }


def new_hook_secret(kind: str) -> str:
    """A secret for webhooks, in the form that the sender takes.

    GitLab's signing token is ``whsec_`` and 32 bytes in base64, and nothing else
    (https://gitlab.com/gitlab-org/gitlab/-/merge_requests/231325); its secret token may be the same text.
    """
    if kind == "gitlab":
        return STANDARD_PREFIX + base64.b64encode(secrets.token_bytes(HOOK_SECRET_BYTES)).decode()
    return secrets.token_urlsafe(HOOK_SECRET_BYTES)


def seal_hook_secret(sealer: Sealer, connection: Connection, secret: str) -> bytes:
    """A secret for webhooks as kept."""
    return sealer.seal(secret.encode(), context=_context(connection.org_id, connection.id, _HOOK_FIELD))


def open_hook_secret(sealer: Sealer, connection: Connection, sealed: bytes) -> bytes:
    """The current or the previous secret for webhooks.

    Raises:
        SealBroken: it was sealed with another key or for another row.
    """
    return sealer.open(bytes(sealed), context=_context(connection.org_id, connection.id, _HOOK_FIELD))


def _context(org_id: uuid.UUID, connection_id: uuid.UUID, field: str) -> str:
    return f"{org_id}/{connection_id}/{field}"
