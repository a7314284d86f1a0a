"""Who a provider's claims are: found, linked by verified e-mail address, or made a member on the spot.

Called by ``oidc_endpoints`` once the claims are proved. Roles that came from the provider are renewed at every login;
roles that an administrator gave stay as they are.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.audit.trail import Entry, record
from opsrail.auth.models import Identity, IdentityProvider, Membership, User
from opsrail.auth.oidc import refused

_LONGEST = 254


async def member_of(session: AsyncSession, provider: IdentityProvider, claims: Mapping[str, Any]) -> uuid.UUID:
    """The user whom the claims name, an active member of the provider's organisation from now on at the latest.

    Raises:
        Unauthenticated: no verified e-mail address, one of another domain, no role, or suspended.
    """
    subject = str(claims["sub"])
    roles = roles_of(provider, claims)
    user_id = await session.scalar(
        select(Identity.user_id).where(Identity.provider_id == provider.id, Identity.subject == subject)
    )
    if user_id is None:
        user_id = await _linked(session, provider, subject, claims)
    member = await session.get(Membership, (provider.org_id, user_id), with_for_update=True)
    if member is None:
        if not roles:
            raise refused("none of the person's groups has a role here")
        session.add(Membership(org_id=provider.org_id, user_id=user_id, roles=sorted(roles), provider_id=provider.id))
        await _note(session, provider, user_id, "member.provisioned", sorted(roles))
    elif member.suspended_at is not None:
        raise refused("the member is suspended")
    elif member.provider_id == provider.id and set(member.roles) != roles:
        if not roles:
            raise refused("none of the person's groups has a role here any more")
        member.roles = sorted(roles)
        await _note(session, provider, user_id, "member.changed", member.roles)
    await session.flush()
    return user_id


def roles_of(provider: IdentityProvider, claims: Mapping[str, Any]) -> set[str]:
    """Roles of the person's groups, or the default ones for whoever is in none that counts."""
    groups = claims.get(provider.groups_claim) or []
    named = [groups] if isinstance(groups, str) else [str(group) for group in groups if isinstance(group, str)]
    mapped = {provider.role_of_group[group] for group in named if group in provider.role_of_group}
    return mapped or set(provider.default_roles)


async def _linked(
    session: AsyncSession, provider: IdentityProvider, subject: str, claims: Mapping[str, Any]
) -> uuid.UUID:
    email = claims.get("email")
    sound = isinstance(email, str) and "@" in email and len(email) <= _LONGEST
    if not sound or claims.get("email_verified") is not True:
        raise refused("the provider gives no verified e-mail address")
    email = str(email).strip().lower()
    domains = {domain.lower() for domain in provider.email_domains}
    if domains and email.rpartition("@")[2] not in domains:
        raise refused("the e-mail address is of another domain")
    name = claims.get("name")
    shown = name[:100] if isinstance(name, str) and name.strip() and "\0" not in name else email
    await session.execute(
        insert(User).values(id=uuid.uuid4(), email=email, name=shown).on_conflict_do_nothing(index_elements=["email"])
    )
    user_id = (await session.execute(select(User.id).where(User.email == email))).scalar_one()
    session.add(Identity(org_id=provider.org_id, provider_id=provider.id, subject=subject, user_id=user_id))
    return user_id


async def _note(
    session: AsyncSession, provider: IdentityProvider, user_id: uuid.UUID, verb: str, roles: list[str]
) -> None:
    detail = {"provider": provider.name, "roles": roles}
    target = f"user:{user_id}"
    await record(
        session, provider.org_id, Entry(actor=target, verb=verb, target=target, outcome="succeeded", detail=detail)
    )
