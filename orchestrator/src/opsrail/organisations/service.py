"""Organisations and their custom roles: made, changed, removed."""

import uuid
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.audit.trail import Entry, record
from opsrail.auth.models import CustomRole, Membership, Organisation
from opsrail.auth.principal import Principal, Scope, included
from opsrail.auth.roles import ADMIN, BUILT_IN
from opsrail.auth.service import new_token, owner_of
from opsrail.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from opsrail.organisations.schemas import OrganisationCreate, RolePut

HOME = "main"
"""Slug of the first organisation; its administrators run the installation and may make further ones."""


async def create(session: AsyncSession, by: Principal, wish: OrganisationCreate) -> tuple[Organisation, str | None]:
    """A new organisation, in an ``across`` transaction. A person becomes its administrator, else there is a token.

    Raises:
        Forbidden: the caller is no administrator of the first organisation.
        Conflict: the slug is taken.
    """
    if by.org_slug != HOME:
        raise Forbidden(f"only administrators of the organisation `{HOME}` make others", code="not_home")
    organisation = Organisation(org_id=uuid.uuid4(), slug=wish.slug, title=wish.title)
    try:
        async with session.begin_nested():
            session.add(organisation)
            await session.flush()
    except IntegrityError as error:
        raise Conflict("the slug is taken", code="slug_taken", errors=[FieldError("slug", "taken")]) from error
    shown = None
    owner = owner_of(by)
    if owner is not None:
        session.add(Membership(org_id=organisation.org_id, user_id=owner, roles=[ADMIN]))
    else:
        token, shown = new_token(
            organisation.org_id,
            name="admin (first)",
            scopes=[Scope.ADMIN],
            expires_at=None,
            created_by=by.id,
        )
        session.add(token)
    await session.flush()
    await session.refresh(organisation)
    detail = {"slug": wish.slug, "org_id": str(organisation.org_id)}
    for org_id in (by.org_id, organisation.org_id):
        await _note(session, org_id, by, "organisation.created", f"organisation:{organisation.org_id}", detail=detail)
    return organisation, shown


async def rename(session: AsyncSession, by: Principal, title: str) -> Organisation:
    organisation = await session.get_one(Organisation, by.org_id)
    organisation.title = title
    await _note(session, by.org_id, by, "organisation.changed", f"organisation:{by.org_id}", detail={"title": title})
    return organisation


async def put_role(session: AsyncSession, by: Principal, name: str, wish: RolePut) -> CustomRole:
    """Make or replace a custom role.

    Raises:
        Invalid: the name or the parent is wrong, or the scope ``admin`` is asked for.
        Forbidden: scopes that the caller lacks.
    """
    if name in BUILT_IN:
        raise Invalid("built-in roles cannot be changed", errors=[FieldError("name", "built-in")])
    if wish.parent is not None and wish.parent not in BUILT_IN:
        raise Invalid("the parent is a built-in role", errors=[FieldError("parent", "no built-in role")])
    if Scope.ADMIN in wish.scopes or wish.parent == ADMIN:
        raise Invalid("only the built-in role `admin` administers", errors=[FieldError("scopes", "admin")])
    if not included(wish.scopes) <= included(by.scopes):
        raise Forbidden("you lack some of these scopes yourself", code="scope_escalation")
    values = {"title": wish.title, "scopes": sorted(set(wish.scopes)), "parent": wish.parent}
    statement = insert(CustomRole).values(org_id=by.org_id, name=name, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["org_id", "name"], set_=values))
    await _note(session, by.org_id, by, "role.put", f"role:{name}", detail=values)
    return await session.get_one(CustomRole, (by.org_id, name), populate_existing=True)


async def remove_role(session: AsyncSession, by: Principal, name: str) -> None:
    """Forget a custom role.

    Raises:
        NotFound: there is none of that name.
        Conflict: somebody has it.
    """
    role = await session.get(CustomRole, (by.org_id, name), with_for_update=True)
    if role is None:
        raise NotFound("no such role")
    held = await session.scalar(
        text(
            """
            SELECT (SELECT count(*) FROM memberships WHERE jsonb_exists(roles, :name))
                 + (SELECT count(*) FROM machines WHERE jsonb_exists(roles, :name) AND revoked_at IS NULL)
                 + (SELECT count(*) FROM invitations WHERE jsonb_exists(roles, :name)
                      AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > now())
            """
        ),
        {"name": name},
    )
    if held:
        raise Conflict(f"{held} still have this role", code="role_in_use")
    await session.delete(role)
    await _note(session, by.org_id, by, "role.removed", f"role:{name}", detail={})


async def custom_roles(session: AsyncSession) -> list[CustomRole]:
    return list((await session.scalars(select(CustomRole).order_by(func.lower(CustomRole.name)))).all())


async def _note(
    session: AsyncSession, org_id: uuid.UUID, by: Principal, verb: str, target: str, *, detail: dict[str, Any]
) -> None:
    await record(session, org_id, Entry(actor=by.id, verb=verb, target=target, outcome="succeeded", detail=detail))
