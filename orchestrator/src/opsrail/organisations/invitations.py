"""Invitations: an administrator makes one, hands its token over, the person takes it up with a password.

The token is good once and for a while, and only its hash is kept. Whoever has an account already proves it with its
password; a person known only through an identity provider has none to prove, and comes in through a provider.
"""

import uuid
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import func, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.audit.trail import Entry, record
from opsrail.auth import login, repository, secret
from opsrail.auth.address import Caller
from opsrail.auth.guesses import Subject
from opsrail.auth.models import Invitation, Membership, Organisation, User
from opsrail.auth.passwords import check_new
from opsrail.auth.principal import Principal
from opsrail.auth.service import check_reach
from opsrail.container import Container
from opsrail.errors import Conflict, NotFound, Unauthenticated
from opsrail.organisations.schemas import Accepted, InvitationAccept
from opsrail.pagination import PageRequest

FREE_TRIES = 20
"""Wrong invitations from one address before each further one is slowed down."""


async def create(
    session: AsyncSession, by: Principal, *, email: str, roles: Collection[str], lifetime: timedelta
) -> tuple[Invitation, str]:
    """An invitation and its token, which is shown this once.

    Raises:
        Conflict: a member already.
        Forbidden, Invalid: roles beyond the giver's own, or unknown.
    """
    await check_reach(session, by, roles)
    if await session.scalar(select(User.id).where(User.email == email)) is not None:  # only members are seen here
        raise Conflict("a member has this e-mail address already", code="already_member")
    ident = uuid.uuid4()
    token, hashed = secret.generate(ident, secret.INVITATION_PREFIX)
    moment = await repository.now(session)
    invitation = Invitation(
        id=ident,
        org_id=by.org_id,
        email=email,
        roles=sorted(set(roles)),
        secret_hash=hashed,
        created_by=by.id,
        expires_at=moment + lifetime,
    )
    session.add(invitation)
    await session.flush()
    await session.refresh(invitation)
    await _note(session, by.org_id, by.id, "invitation.created", invitation)
    return invitation, token


async def page(session: AsyncSession, wanted: PageRequest) -> list[Invitation]:
    """Invitations that can still be taken up, newest first."""
    statement = select(Invitation).where(
        Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None), Invitation.expires_at > func.now()
    )
    if wanted.after:
        after = (wanted.after.at, wanted.after.uuid)
        statement = statement.where(tuple_(Invitation.created_at, Invitation.id) < after)
    ordered = statement.order_by(Invitation.created_at.desc(), Invitation.id.desc())
    return list((await session.scalars(ordered.limit(wanted.limit + 1))).all())


async def revoke(session: AsyncSession, by: Principal, ident: uuid.UUID) -> None:
    """Raises ``NotFound`` where there is no open one of that id."""
    invitation = await session.get(Invitation, ident, with_for_update=True)
    if invitation is None or invitation.accepted_at or invitation.revoked_at:
        raise NotFound("no such invitation")
    invitation.revoked_at = await repository.now(session)
    await _note(session, by.org_id, by.id, "invitation.revoked", invitation)


async def accept(container: Container, caller: Caller, wish: InvitationAccept) -> Accepted:
    """Become a member.

    Raises:
        Unauthenticated: the invitation or the account's password is wrong, used or void.
        Invalid: a new person's password is too weak.
        TooMany: too many tries; wait.
    """
    password = wish.password.get_secret_value()
    async with container.database.across() as session:
        invitation = await _open(session, wish.token.get_secret_value())
        known = await repository.find_person(session, invitation.email) if invitation else None
    if invitation is None:
        await container.guesses.admit([Subject("invitation", caller.address, FREE_TRIES)])
        raise _void()
    hashed = None
    if known is not None:
        await login.prove(container, login.Attempt(invitation.email, password, caller))
    else:
        check_new(password, invitation.email)
        hashed = await container.passwords.hash(password)
    async with container.database.across() as session:
        invitation = await _open(session, wish.token.get_secret_value())
        if invitation is None:
            raise _void()
        user_id = known[0].id if known else await _new_user(session, invitation.email, wish.name, hashed)
        await _join(session, invitation, user_id)
        await _note(session, invitation.org_id, f"user:{user_id}", "invitation.accepted", invitation)
        slug = await session.scalar(select(Organisation.slug).where(Organisation.org_id == invitation.org_id))
    container.authenticator.forget(user_id)
    return Accepted(
        org_id=invitation.org_id,
        org=slug or "",
        user_id=user_id,
        email=invitation.email,
        roles=invitation.roles,
    )


async def _open(session: AsyncSession, text: str) -> Invitation | None:
    """The invitation of a token, locked, while it can be taken up."""
    presented = secret.parse(text, secret.INVITATION_PREFIX)
    if presented is None:
        return None
    found = await session.get(Invitation, presented.id, with_for_update=True)
    if found is None or not secret.matches(presented.secret, found.secret_hash):
        return None
    over = found.accepted_at or found.revoked_at or found.expires_at <= await repository.now(session)
    return None if over else found


async def _new_user(session: AsyncSession, email: str, name: str | None, hashed: str | None) -> uuid.UUID:
    user = User(id=uuid.uuid4(), email=email, name=name or email)
    try:
        async with session.begin_nested():
            session.add(user)
            await session.flush()
    except IntegrityError as error:
        raise Conflict("the account was made just now; try again", code="account_exists") from error
    assert hashed is not None
    await login.keep_password(session, user.id, hashed)
    return user.id


async def _join(session: AsyncSession, invitation: Invitation, user_id: uuid.UUID) -> None:
    invitation.accepted_at = await repository.now(session)
    member = await session.get(Membership, (invitation.org_id, user_id))
    if member is None:
        session.add(Membership(org_id=invitation.org_id, user_id=user_id, roles=invitation.roles))
    else:
        member.roles, member.provider_id, member.suspended_at = invitation.roles, None, None
    await session.flush()


def _void() -> Unauthenticated:
    return Unauthenticated("the invitation is unknown, used or expired", code="invitation_rejected")


async def _note(session: AsyncSession, org_id: uuid.UUID, actor: str, verb: str, invitation: Invitation) -> None:
    detail = {"email": invitation.email, "roles": invitation.roles}
    entry = Entry(actor=actor, verb=verb, target=f"invitation:{invitation.id}", outcome="succeeded", detail=detail)
    await record(session, org_id, entry)
