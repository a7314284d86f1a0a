"""Authentication of tokens, with a short in-process cache, and their making and revoking."""

import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.auth import repository, secret
from opsrail.auth.models import Token
from opsrail.auth.principal import Principal, Scope
from opsrail.auth.roles import covered_by
from opsrail.db.engine import Database
from opsrail.errors import Forbidden, NotFound, Unauthenticated

CACHE_SECONDS = 5.0
"""How long a verified token is believed without asking the database: the bound on a revocation's delay."""
CACHE_LIMIT = 10_000
TOUCH_EVERY = timedelta(minutes=5)


@dataclass(frozen=True)
class _Verified:
    principal: Principal
    kept_hash: bytes
    expires_at: datetime | None
    until: float


class Authenticator:
    """Turns an ``Authorization`` header into a ``Principal``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._verified: dict[uuid.UUID, _Verified] = {}

    async def authenticate(self, header: str | None) -> Principal:
        """The caller.

        Raises:
            Unauthenticated: no token, or one that is unknown, wrong, expired or revoked; the answer is the same
                for all but the missing one, so that nothing can be probed.
        """
        scheme, _, value = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not value:
            raise Unauthenticated("send `Authorization: Bearer <token>`", code="token_missing")
        presented = secret.parse(value.strip())
        if presented is None:
            raise _refused()
        known = self._verified.get(presented.id)
        if known is None or known.until < time.monotonic():
            known = await self._load(presented.id)
        if not secret.matches(presented.secret, known.kept_hash):
            raise _refused()
        if known.expires_at and known.expires_at <= datetime.now(UTC):
            raise _refused()
        return known.principal

    def forget(self, token_id: uuid.UUID) -> None:
        """Drop a token from the cache, as after revoking it."""
        self._verified.pop(token_id, None)

    async def _load(self, token_id: uuid.UUID) -> _Verified:
        self._verified.pop(token_id, None)
        async with self._database.across() as session:
            found = await repository.find_token(session, token_id)
            if found is None or found[0].revoked_at is not None:
                raise _refused()
            await repository.touch(session, token_id, older_than=datetime.now(UTC) - TOUCH_EVERY)
        token, slug = found
        scopes = frozenset(Scope(scope) for scope in token.scopes)
        principal = Principal(
            org_id=token.org_id,
            org_slug=slug,
            id=f"token:{token.id}",
            name=token.name,
            scopes=scopes,
            roles=covered_by(scopes),
        )
        verified = _Verified(principal, token.secret_hash, token.expires_at, time.monotonic() + CACHE_SECONDS)
        if len(self._verified) >= CACHE_LIMIT:
            self._verified.clear()
        self._verified[token_id] = verified
        return verified


def _refused() -> Unauthenticated:
    return Unauthenticated("the token is unknown, expired or revoked", code="token_rejected")


async def create_token(
    session: AsyncSession,
    *,
    by: Principal,
    name: str,
    scopes: Collection[Scope],
    expires_at: datetime | None,
) -> tuple[Token, str]:
    """A new token and its text, which is shown this once.

    Raises:
        Forbidden: a scope that the maker does not hold.
    """
    beyond = sorted(scope for scope in scopes if not by.may(scope))
    if beyond:
        raise Forbidden(f"your own token lacks {', '.join(beyond)}", code="scope_escalation")
    token, text = new_token(by.org_id, name=name, scopes=scopes, expires_at=expires_at, created_by=by.id)
    session.add(token)
    await session.flush()
    await session.refresh(token)
    return token, text


def new_token(
    org_id: uuid.UUID,
    *,
    name: str,
    scopes: Collection[Scope],
    expires_at: datetime | None,
    created_by: str,
) -> tuple[Token, str]:
    """A token row, not yet added to a session, and its text."""
    token_id = uuid.uuid4()
    text, hashed = secret.generate(token_id)
    token = Token(
        id=token_id,
        org_id=org_id,
        name=name,
        secret_hash=hashed,
        scopes=sorted(scopes),
        created_by=created_by,
        expires_at=expires_at,
    )
    return token, text


async def revoke_token(session: AsyncSession, token_id: uuid.UUID) -> None:
    """End a token for good.

    Raises:
        NotFound: no living token of that id in the caller's organisation.
    """
    if not await repository.revoke(session, token_id):
        raise NotFound("no such token")
