"""Identity providers of an organisation: made, changed, removed. ``auth.oidc`` logs people in with them."""

import uuid
from typing import Any

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.audit.trail import Entry, record
from opsrail.auth.models import IdentityProvider
from opsrail.auth.oidc import check_address, seal_context
from opsrail.auth.principal import Principal
from opsrail.auth.service import check_reach
from opsrail.errors import Conflict, FieldError, NotFound
from opsrail.organisations.schemas import ProviderChange, ProviderCreate
from opsrail.sealing import Sealer


async def create(
    session: AsyncSession, sealer: Sealer, by: Principal, wish: ProviderCreate, *, allow_private: bool
) -> IdentityProvider:
    """A provider, enabled.

    Raises:
        Conflict: the name is taken.
        Invalid: the issuer's address, or a role.
        Forbidden: roles beyond the giver's own.
    """
    issuer = str(wish.issuer).rstrip("/")
    await check_address(issuer, allow_private=allow_private)
    await check_reach(session, by, {*wish.default_roles, *wish.role_of_group.values()})
    ident = uuid.uuid4()
    provider = IdentityProvider(
        id=ident,
        org_id=by.org_id,
        issuer=issuer,
        sealed_client_secret=_sealed(sealer, ident, wish.client_secret),
        enabled=True,
        **wish.model_dump(exclude={"issuer", "client_secret"}),
    )
    try:
        async with session.begin_nested():
            session.add(provider)
            await session.flush()
    except IntegrityError as error:
        raise Conflict("the name is taken", code="name_taken", errors=[FieldError("name", "taken")]) from error
    await session.refresh(provider)
    await _note(session, by, "identity_provider.created", provider)
    return provider


async def listed(session: AsyncSession) -> list[IdentityProvider]:
    return list((await session.scalars(select(IdentityProvider).order_by(IdentityProvider.name))).all())


async def find(session: AsyncSession, ident: uuid.UUID | None) -> IdentityProvider:
    """Raises ``NotFound``."""
    provider = await session.get(IdentityProvider, ident) if ident else None
    if provider is None:
        raise NotFound("no such identity provider")
    return provider


async def change(
    session: AsyncSession, sealer: Sealer, by: Principal, ident: uuid.UUID | None, wish: ProviderChange
) -> IdentityProvider:
    """Raises ``NotFound``; ``Forbidden`` and ``Invalid`` as ``create`` does."""
    provider = await find(session, ident)
    given = wish.model_dump(exclude_none=True, exclude={"client_secret"})
    await check_reach(session, by, {*given.get("default_roles", ()), *given.get("role_of_group", {}).values()})
    for name, value in given.items():
        setattr(provider, name, value)
    if wish.client_secret is not None:
        provider.sealed_client_secret = _sealed(sealer, provider.id, wish.client_secret)
    await session.flush()
    await _note(session, by, "identity_provider.changed", provider)
    return provider


async def remove(session: AsyncSession, by: Principal, ident: uuid.UUID | None) -> None:
    """Forget a provider; sessions that came through it end. Raises ``NotFound``."""
    provider = await find(session, ident)
    await _note(session, by, "identity_provider.removed", provider)
    await session.delete(provider)


def _sealed(sealer: Sealer, ident: uuid.UUID, given: SecretStr | None) -> bytes | None:
    return sealer.seal(given.get_secret_value().encode(), context=seal_context(ident)) if given else None


async def _note(session: AsyncSession, by: Principal, verb: str, provider: IdentityProvider) -> None:
    detail: dict[str, Any] = {"name": provider.name, "issuer": provider.issuer, "enabled": provider.enabled}
    target = f"identity_provider:{provider.id}"
    await record(session, by.org_id, Entry(actor=by.id, verb=verb, target=target, outcome="succeeded", detail=detail))
