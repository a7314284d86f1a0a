"""Logging in with a password, switching organisation, changing the password. Called by ``session_endpoints``.

A login is good where its proof was given: a password opens the organisations that the person joined with it, an
organisation's identity provider opens that organisation alone. So an organisation that asserts somebody else's
e-mail address through a provider of its own gains nothing elsewhere.

Unknown and wrong are answered alike and after the same work.
"""

import uuid
from dataclasses import dataclass

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.audit.trail import Entry, record
from opsrail.auth import repository, sessions
from opsrail.auth.address import Caller
from opsrail.auth.guesses import Subject
from opsrail.auth.models import BrowserSession, Password, User
from opsrail.auth.passwords import check_new
from opsrail.auth.principal import Principal
from opsrail.auth.sessions import Opened
from opsrail.container import Container
from opsrail.errors import Forbidden, NotFound, Unauthenticated

FREE_TRIES = 5
"""Wrong passwords for an account from one address before each further one is slowed down."""
FREE_TRIES_OF_ADDRESS = 30
FREE_TRIES_OF_ACCOUNT = 50
"""From all unknown addresses together."""


@dataclass(frozen=True)
class Attempt:
    """Somebody says that they are this person."""

    email: str
    password: str
    caller: Caller


async def prove(container: Container, attempt: Attempt) -> User:
    """The person whose password fits.

    Raises:
        Unauthenticated: unknown, or wrong.
        TooMany: too many tries; wait.
    """
    async with container.database.across() as session:
        found = await repository.find_person(session, attempt.email)
        known_here = found and await sessions.known_address(session, found[0].id, attempt.caller.address)
    at_address = Subject("login", f"{attempt.email} {attempt.caller.address}", FREE_TRIES)
    counted = [at_address, Subject("login-address", attempt.caller.address, FREE_TRIES_OF_ADDRESS)]
    if not known_here:
        counted.append(Subject("login-account", attempt.email, FREE_TRIES_OF_ACCOUNT))
    await container.guesses.admit(counted)
    user, kept = found or (None, None)
    if not await container.passwords.verify(kept, attempt.password) or user is None or kept is None:
        await _note_failure(container, user, attempt)
        raise Unauthenticated("the e-mail address or the password is wrong", code="login_rejected")
    await container.guesses.forget([at_address])
    await container.guesses.take_back([one for one in counted if one is not at_address])
    if container.passwords.outdated(kept):
        renewed = await container.passwords.hash(attempt.password)
        async with container.database.across() as session:
            await keep_password(session, user.id, renewed)
    return user


async def with_password(
    container: Container, attempt: Attempt, *, slug: str | None, replaces: uuid.UUID | None
) -> Opened:
    """A session in the wanted organisation, or in the one joined first.

    Raises:
        Unauthenticated, TooMany: see ``prove``.
        Forbidden: the person belongs to no such organisation.
    """
    user = await prove(container, attempt)
    async with container.database.across() as session:
        open_to = await repository.organisations_of(session, user.id, None)
        chosen = next((row for row in open_to if slug in {None, row.slug}), None)
        if chosen is None:
            raise Forbidden("you belong to no such organisation", code="not_a_member")
        opened = await sessions.open_session(
            session,
            container.settings.auth,
            attempt.caller,
            org_id=chosen.org_id,
            user_id=user.id,
            provider_id=None,
            replaces=replaces,
        )
        await note(session, chosen.org_id, user.id, "login.succeeded", attempt.caller, method="password")
    if replaces is not None:
        container.authenticator.forget(replaces)
    return opened


async def current(session: AsyncSession, principal: Principal) -> BrowserSession:
    """The session that the caller came with.

    Raises:
        Forbidden: it came with something else.
    """
    row = await session.get(BrowserSession, principal.session) if principal.session else None
    if row is None:
        raise Forbidden("this needs a session; log in", code="session_needed")
    return row


async def switch(container: Container, principal: Principal, caller: Caller, slug: str) -> Opened:
    """The caller's session, rotated, in another organisation of theirs.

    Raises:
        NotFound: the login opens no such organisation.
        Forbidden: no session.
    """
    async with container.database.across() as session:
        row = await current(session, principal)
        open_to = await repository.organisations_of(session, row.user_id, row.provider_id)
        chosen = next((item for item in open_to if item.slug == slug), None)
        if chosen is None:
            raise NotFound("your login opens no such organisation")
        opened = await sessions.open_session(
            session,
            container.settings.auth,
            caller,
            org_id=chosen.org_id,
            user_id=row.user_id,
            provider_id=row.provider_id,
            replaces=row.id,
        )
        await note(session, chosen.org_id, row.user_id, "session.switched", caller, method="switch")
    container.authenticator.forget(row.id)
    return opened


async def change_password(
    container: Container, principal: Principal, caller: Caller, *, old: str, new: str
) -> Opened:
    """Set a new password; every other session of the person ends, this one is rotated.

    Raises:
        Unauthenticated: the old password is wrong.
        Invalid: the new one is too weak.
        Forbidden: no session, or one that came through an identity provider.
    """
    async with container.database.across() as session:
        row = await current(session, principal)
        user = await session.get_one(User, row.user_id)
    if row.provider_id is not None:
        raise Forbidden("your password is kept by your identity provider", code="session_needed")
    check_new(new, user.email)
    await prove(container, Attempt(user.email, old, caller))
    hashed = await container.passwords.hash(new)
    async with container.database.across() as session:
        await keep_password(session, user.id, hashed)
        await sessions.end_all(session, user.id)
        opened = await sessions.open_session(
            session,
            container.settings.auth,
            caller,
            org_id=row.org_id,
            user_id=user.id,
            provider_id=None,
            replaces=row.id,
        )
        await note(session, row.org_id, user.id, "password.changed", caller, method="password")
    container.authenticator.forget(user.id)
    return opened


async def log_out(container: Container, principal: Principal) -> None:
    """End the caller's session, where it came with one."""
    if principal.session is None:
        return
    async with container.database.organisation(principal.org_id) as session:
        await sessions.end(session, principal.session)
        entry = Entry(
            actor=principal.id, verb="session.ended", target=f"session:{principal.session}", outcome="succeeded"
        )
        await record(session, principal.org_id, entry)
    container.authenticator.forget(principal.session)


async def keep_password(session: AsyncSession, user_id: uuid.UUID, hashed: str) -> None:
    moment = await repository.now(session)
    statement = insert(Password).values(user_id=user_id, hash=hashed, changed_at=moment)
    await session.execute(
        statement.on_conflict_do_update(index_elements=["user_id"], set_={"hash": hashed, "changed_at": moment})
    )


async def note(
    session: AsyncSession, org_id: uuid.UUID, user_id: uuid.UUID, verb: str, caller: Caller, *, method: str
) -> None:
    """An entry about a person's own coming and going."""
    actor = f"user:{user_id}"
    detail = {"method": method, "address": caller.address, "user_agent": caller.user_agent}
    await record(session, org_id, Entry(actor=actor, verb=verb, target=actor, outcome="succeeded", detail=detail))


async def _note_failure(container: Container, user: User | None, attempt: Attempt) -> None:
    """Told to the organisations of the person, or to the instance where nobody is of that name."""
    entry = Entry(
        actor="anonymous",
        verb="login.failed",
        target=f"user:{user.id}" if user else "user:unknown",
        outcome="denied",
        reason="wrong password" if user else "unknown e-mail address",
        detail={"method": "password", "address": attempt.caller.address},
    )
    if user is None:
        container.refusals.note(None, entry)
        return
    async with container.database.across() as session:
        for row in await repository.organisations_of(session, user.id, None):
            container.refusals.note(row.org_id, entry)
