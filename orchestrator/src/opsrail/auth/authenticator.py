"""Who calls: a token, a browser session or a signing machine. Called by ``dependencies.principal_of``.

What was proved is believed for ``CACHE_SECONDS`` without asking the database, so that is the longest that a revoked
token, session, machine or person goes on: at once in the replica that revoked it, within that time in the others.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from opsrail.auth import cookies, machines, repository, secret, sigv4
from opsrail.auth.principal import Kind, Principal, Scope, included
from opsrail.auth.roles import covered_by
from opsrail.db.engine import Database
from opsrail.errors import Unauthenticated
from opsrail.secrets.keyring import Keyring
from opsrail.settings import Settings

CACHE_SECONDS = 5.0
CACHE_LIMIT = 10_000
TOUCH_EVERY = timedelta(minutes=1)

Proof = TypeVar("Proof")


@dataclass(frozen=True)
class _Hashed:
    """A token or session: the hash to compare with, and until when it is good."""

    principal: Principal
    kept_hash: bytes
    expires_at: datetime | None


@dataclass(frozen=True)
class _Signing:
    principal: Principal
    machine_id: uuid.UUID
    secret: str
    expires_at: datetime | None


class _Known(Generic[Proof]):
    """Proofs by their public key, each believed for a while."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[Proof, float]] = {}

    def get(self, key: Hashable) -> Proof | None:
        kept = self._kept.get(key)
        return kept[0] if kept and kept[1] > time.monotonic() else None

    def keep(self, key: Hashable, proof: Proof) -> Proof:
        if len(self._kept) >= CACHE_LIMIT:
            self._kept.clear()
        self._kept[key] = (proof, time.monotonic() + CACHE_SECONDS)
        return proof

    def drop(self, which: Callable[[Proof], bool]) -> None:
        self._kept = {key: kept for key, kept in self._kept.items() if not which(kept[0])}


class Authenticator:
    """Turns a request's proof of identity into a ``Principal``."""

    def __init__(self, database: Database, keyring: Keyring, settings: Settings) -> None:
        self._database = database
        self._keyring = keyring
        self._settings = settings
        self._tokens = _Known[_Hashed]()
        self._turns = WeakValueDictionary[uuid.UUID, asyncio.Lock]()
        self._sessions = _Known[_Hashed]()
        self._machines = _Known[_Signing]()

    async def authenticate(self, request: Request) -> Principal:
        """The caller.

        Raises:
            Unauthenticated: no proof, or one that is unknown, wrong, expired or revoked; the answer is the same for
                all but the missing one, so that nothing can be probed.
        """
        header = request.headers.get("authorization")
        if header is None:
            presented = cookies.session_of(request)
            if presented is None:
                raise Unauthenticated("send `Authorization: Bearer <token>`, or log in", code="token_missing")
            return await self.session(presented)
        scheme, _, value = header.partition(" ")
        if scheme.lower() == "bearer" and value:
            return await self._token(value.strip())
        if scheme == sigv4.ALGORITHM:
            return await self._machine(request)
        raise Unauthenticated("send `Authorization: Bearer <token>`", code="token_missing")

    async def session(self, presented: secret.PresentedToken) -> Principal:
        """The person of a session.

        Raises:
            Unauthenticated: it is over, or never was.
        """
        return _good(presented, self._sessions.get(presented.id) or await self._load_session(presented.id))

    async def present_session(self, request: Request) -> uuid.UUID | None:
        """The living session that a browser presents, if any; a login replaces it."""
        presented = cookies.session_of(request)
        if presented is None:
            return None
        with suppress(Unauthenticated):
            return (await self.session(presented)).session
        return None

    def forget(self, ident: uuid.UUID) -> None:
        """Drop a token, session, machine or person (with all that is theirs) from the caches, as after revoking."""
        ends = f":{ident}"

        def theirs(proof: _Hashed | _Signing) -> bool:
            principal = proof.principal
            return (
                principal.id.endswith(ends) or principal.session == ident or (principal.person or "").endswith(ends)
            )

        self._tokens.drop(theirs)
        self._sessions.drop(theirs)
        self._machines.drop(theirs)

    def forget_organisation(self, org_id: uuid.UUID) -> None:
        """Drop all callers of an organisation, as after changing one of its roles."""
        self._tokens.drop(lambda proof: proof.principal.org_id == org_id)
        self._sessions.drop(lambda proof: proof.principal.org_id == org_id)
        self._machines.drop(lambda proof: proof.principal.org_id == org_id)

    async def _token(self, text: str) -> Principal:
        presented = secret.parse(text)
        if presented is None:
            raise _refused()
        known = self._tokens.get(presented.id)
        if known is None:
            # Requests that find it missing together would each take a connection to ask the same.
            async with self._turns.setdefault(presented.id, asyncio.Lock()):
                known = self._tokens.get(presented.id) or await self._load_token(presented.id)
        return _good(presented, known)

    async def _machine(self, request: Request) -> Principal:
        now = datetime.now(UTC)
        signed = await machines.as_signed(request)
        try:
            claim = sigv4.read(signed, now=now, region=self._settings.auth.machine_region)
        except sigv4.Unsound as error:
            raise machines.refused(str(error)) from error
        known = self._machines.get(claim.access_key_id) or await self._load_machine(claim.access_key_id)
        good = sigv4.matches(signed, claim, known.secret if known else machines.NOBODYS_SECRET)
        if known is None or not good or (known.expires_at and known.expires_at <= now):
            raise machines.refused("unknown key, or the signature does not fit the request")
        await machines.refuse_replay(self._database, known.principal.org_id, known.machine_id, claim, request.method)
        return known.principal

    async def _load_token(self, token_id: uuid.UUID) -> _Hashed:
        async with self._database.across() as session:
            found = await repository.find_token(session, token_id)
            if found is None or found[0].revoked_at is not None:
                raise _refused()
            token, slug = found
            scopes = frozenset(Scope(scope) for scope in token.scopes)
            if token.owner_id is not None:
                scopes = await _bounded(session, token.org_id, token.owner_id, scopes)
            await repository.touch_token(session, token_id, older_than=datetime.now(UTC) - TOUCH_EVERY)
        principal = Principal(
            org_id=token.org_id,
            org_slug=slug,
            id=f"token:{token.id}",
            name=token.name,
            scopes=scopes,
            person=f"user:{token.owner_id}" if token.owner_id else None,
            roles=covered_by(scopes),
        )
        return self._tokens.keep(token_id, _Hashed(principal, token.secret_hash, token.expires_at))

    async def _load_session(self, session_id: uuid.UUID) -> _Hashed:
        now, idle = datetime.now(UTC), self._settings.auth.session_idle
        async with self._database.across() as session:
            found = await repository.find_session(session, session_id)
            if found is None or found[0].ended_at is not None or found[0].seen_at + idle <= now:
                raise _session_over()
            kept, user, slug = found
            standing = await repository.standing(session, kept.org_id, kept.user_id)
            if standing is None:
                raise _session_over()
            await repository.touch_session(session, session_id, older_than=now - TOUCH_EVERY)
        principal = Principal(
            org_id=kept.org_id,
            org_slug=slug,
            id=f"user:{user.id}",
            name=user.name,
            scopes=standing.scopes,
            kind=Kind.USER,
            person=f"user:{user.id}",
            roles=standing.roles,
            session=kept.id,
        )
        return self._sessions.keep(session_id, _Hashed(principal, kept.secret_hash, kept.expires_at))

    async def _load_machine(self, access_key_id: str) -> _Signing | None:
        async with self._database.across() as session:
            found = await repository.find_machine(session, access_key_id)
            if found is None or found[0].revoked_at is not None:
                return None
            machine, slug = found
            standing = await repository.standing_of(session, machine.org_id, machine.roles)
            scopes = standing.scopes
            if machine.owner_id is not None:
                scopes = await _bounded(session, machine.org_id, machine.owner_id, scopes)
            await repository.touch_machine(session, machine.id, older_than=datetime.now(UTC) - TOUCH_EVERY)
        principal = Principal(
            org_id=machine.org_id,
            org_slug=slug,
            id=f"machine:{machine.id}",
            name=machine.name,
            scopes=scopes,
            kind=Kind.MACHINE,
            person=f"user:{machine.owner_id}" if machine.owner_id else None,
            roles=standing.roles if scopes == standing.scopes else covered_by(scopes),
        )
        sealer = await self._keyring.sealer(machine.org_id)
        opened = sealer.open(machine.sealed_secret, context=machines.seal_context(machine.id)).decode()
        return self._machines.keep(access_key_id, _Signing(principal, machine.id, opened, machine.expires_at))


async def _bounded(
    session: AsyncSession, org_id: uuid.UUID, owner_id: uuid.UUID, scopes: frozenset[Scope]
) -> frozenset[Scope]:
    """``scopes`` as far as the owner may go at this moment.

    Raises:
        Unauthenticated: the owner is no active member any more.
    """
    owner = await repository.standing(session, org_id, owner_id)
    if owner is None:
        raise _refused()
    reach = included(owner.scopes)
    return scopes if scopes <= reach else included(scopes) & reach


def _good(presented: secret.PresentedToken, known: _Hashed) -> Principal:
    fits = secret.matches(presented.secret, known.kept_hash)
    if not fits or (known.expires_at and known.expires_at <= datetime.now(UTC)):
        raise _session_over() if known.principal.session else _refused()
    return known.principal


def _refused() -> Unauthenticated:
    return Unauthenticated("the token is unknown, expired or revoked", code="token_rejected")


def _session_over() -> Unauthenticated:
    return Unauthenticated("the session is over; log in again", code="session_over")
