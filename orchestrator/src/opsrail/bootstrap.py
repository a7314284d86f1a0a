"""First start: the default organisation, its admin token, the built-in agents. Repeating it changes nothing.

Called by ``opsrail up`` after the migrations; runs in a process of its own: ``python -m opsrail.bootstrap``.
"""

import asyncio
import os
import uuid
from pathlib import Path

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.auth import secret
from opsrail.auth.principal import Scope
from opsrail.auth.service import new_token
from opsrail.db.engine import Database
from opsrail.settings import Settings

log = structlog.get_logger()

DEFAULT_SLUG = "main"
TOKEN_FILE = "admin.token"  # noqa: S105 (a file's name)
_LOCK = 0x626F6F74
"""Advisory lock: replicas that start together make one organisation."""


async def ensure(settings: Settings, database: Database) -> uuid.UUID:
    """The default organisation's id; makes it and the admin token file where they are missing."""
    async with database.across() as session:
        await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        org_id = await session.scalar(
            text("SELECT org_id FROM organisations WHERE slug = :slug"), {"slug": DEFAULT_SLUG}
        )
        if org_id is None:
            org_id = uuid.uuid4()
            await session.execute(
                text("INSERT INTO organisations (org_id, slug, title) VALUES (:org, :slug, 'Main')"),
                {"org": org_id, "slug": DEFAULT_SLUG},
            )
            log.info("bootstrap.organisation", org=str(org_id))
        path = settings.data / TOKEN_FILE
        if not await _token_lives(session, path):
            token, shown = new_token(
                org_id, name="admin (first start)", scopes=[Scope.ADMIN], expires_at=None, created_by="bootstrap"
            )
            session.add(token)
            await session.flush()
            _write_private(path, shown)
            log.info("bootstrap.token", path=str(path))
    return uuid.UUID(str(org_id))


async def _token_lives(session: AsyncSession, path: Path) -> bool:
    presented = _read_token(path)
    if presented is None:
        return False
    kept = await session.scalar(
        text("SELECT secret_hash FROM tokens WHERE id = :id AND revoked_at IS NULL"), {"id": presented.id}
    )
    return kept is not None and secret.matches(presented.secret, bytes(kept))


def _read_token(path: Path) -> secret.PresentedToken | None:
    return secret.parse(path.read_text(errors="replace").strip()) if path.is_file() else None


def _write_private(path: Path, content: str) -> None:
    """Write whole or not at all, readable by the owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(content + "\n")
    partial.replace(path)


async def _main() -> None:
    settings = Settings()
    database = Database(settings.database)
    try:
        await ensure(settings, database)
    finally:
        await database.close()


if __name__ == "__main__":
    asyncio.run(_main())
