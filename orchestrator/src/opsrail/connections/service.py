"""Making, changing and opening connections. Called by the endpoints and by ``core_service``."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr, ValidationError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.connections import repository, vault
from opsrail.connections.kinds import KINDS, Kind
from opsrail.connections.models import Connection
from opsrail.connections.schemas import ConnectionCreate, ConnectionPatch
from opsrail.errors import Conflict, FieldError, Invalid, NotFound, field_errors
from opsrail.sealing import Sealer
from opsrail.secrets.keyring import Keyring
from opsrail.secrets.resolver import Resolver
from opsrail.secrets.schemas import SecretReference
from opsrail.secrets.service import check_reference
from opsrail_sdk import masking
from opsrail_sdk.addresses import url_objection
from opsrail_sdk.contracts.run import ConnectionSecret

Given = Mapping[str, SecretStr | SecretReference | None]

GRACE = timedelta(hours=24)
"""How long the hook secret before a rotation is still accepted."""


async def create(
    session: AsyncSession, sealer: Sealer, org_id: uuid.UUID, body: ConnectionCreate, *, allow_private: bool
) -> tuple[Connection, str | None]:
    """A new connection, and its hook secret where it takes hooks and was given none.

    Raises:
        Invalid: unknown kind, settings that break its schema, an address that may not be called.
        Conflict: the name is taken.
    """
    kind = KINDS.get(body.kind)
    if kind is None:
        raise Invalid(
            f"there is no kind `{body.kind}`; known are {', '.join(sorted(KINDS))}",
            code="unknown_kind",
            errors=[FieldError("kind", "unknown")],
        )
    connection = Connection(
        id=uuid.uuid4(),
        org_id=org_id,
        kind=kind.name,
        name=body.name,
        settings=await checked_settings(kind, body.settings, allow_private=allow_private),
        sealed_secrets={},
    )
    _set_secrets(sealer, kind, connection, body.secrets)
    made: str | None = None
    if kind.hooks:
        connection.hook_secret, made = _hook_secret(sealer, connection, body.secret)
    elif body.secret is not None:
        raise Invalid(
            f"`{kind.name}` sends no webhooks", code="no_hooks", errors=[FieldError("secret", "not for this kind")]
        )
    session.add(connection)
    await _flush(session, connection)
    return connection, made


async def change(
    session: AsyncSession, sealer: Sealer, ident: uuid.UUID, body: ConnectionPatch, *, allow_private: bool
) -> Connection:
    """Change name, settings or secrets.

    Raises:
        NotFound, Invalid, Conflict: as at creation.
    """
    connection = await _locked(session, ident)
    kind = KINDS[connection.kind]
    if body.name is not None:
        connection.name = body.name
    if body.settings is not None:
        connection.settings = await checked_settings(kind, body.settings, allow_private=allow_private)
    _set_secrets(sealer, kind, connection, body.secrets)
    connection.updated_at = datetime.now(UTC)
    await _flush(session, connection)
    return connection


async def rotate(
    session: AsyncSession, sealer: Sealer, ident: uuid.UUID, given: SecretStr | None = None
) -> tuple[Connection, str | None]:
    """A new hook secret, ours or the given one; the old one is accepted for ``GRACE`` longer.

    Raises:
        NotFound: no such connection.
        Conflict: its kind takes no hooks.
    """
    connection = await _locked(session, ident)
    if connection.hook_secret is None:
        raise Conflict(f"`{connection.kind}` sends no webhooks, so there is nothing to rotate", code="no_hooks")
    connection.previous_hook_secret = connection.hook_secret
    connection.previous_hook_secret_until = datetime.now(UTC) + GRACE
    connection.hook_secret, made = _hook_secret(sealer, connection, given)
    connection.updated_at = datetime.now(UTC)
    await _flush(session, connection)
    return connection, made


def _hook_secret(sealer: Sealer, connection: Connection, given: SecretStr | None) -> tuple[bytes, str | None]:
    """Sealed; and as it is to be shown, where nobody knows it yet."""
    if given:
        return vault.seal_hook_secret(sealer, connection, given.get_secret_value()), None
    made = vault.new_hook_secret(connection.kind)
    return vault.seal_hook_secret(sealer, connection, made), made


async def check_references(resolver: Resolver, org_id: uuid.UUID, given: Given) -> None:
    """Whether the references among the secrets may be kept; before the transaction that keeps them.

    Raises:
        Invalid.
    """
    for field, value in given.items():
        if isinstance(value, SecretReference):
            await check_reference(resolver, org_id, value.ref, field=f"secrets.{field}")


async def named(session: AsyncSession, id_or_name: str) -> Connection:
    """A connection by id or name.

    Raises:
        NotFound: no such connection in the session's organisation.
    """
    connection = await repository.find_named(session, id_or_name)
    if connection is None:
        raise NotFound("no such connection")
    return connection


async def opened(
    keyring: Keyring, resolver: Resolver, connection: Connection, *, allow_private: bool
) -> ConnectionSecret:
    """A connection with its secrets, for an agent; references are followed now. All are masked in our own log.

    Its addresses are judged again: a name may lead elsewhere than when it was saved.

    Raises:
        Invalid: an address may not be called.
        SealBroken: the secrets were sealed with another key.
        ReferenceRefused, SourceUnavailable: a reference leads nowhere.
    """
    await _check_addresses(KINDS[connection.kind], connection.settings, allow_private=allow_private)
    sealer = await keyring.sealer(connection.org_id)
    secrets = await resolver.resolve_all(connection.org_id, vault.open_fields(sealer, connection))
    masking.everywhere.add(secrets.values())
    return ConnectionSecret(
        id=str(connection.id),
        kind=connection.kind,
        name=connection.name,
        settings=connection.settings,
        secrets=secrets,
        allow_private=allow_private,
    )


async def checked_settings(kind: Kind, given: dict[str, Any], *, allow_private: bool) -> dict[str, Any]:
    """Settings with defaults filled in.

    Raises:
        Invalid: with one entry per wrong field.
    """
    try:
        settings = kind.settings.model_validate(given).model_dump(mode="json")
    except ValidationError as error:
        raise Invalid(
            f"the settings do not fit the kind `{kind.name}`",
            code="invalid_settings",
            errors=field_errors(error.errors(), "settings"),
        ) from error
    await _check_addresses(kind, settings, allow_private=allow_private)
    return settings


async def _check_addresses(kind: Kind, settings: dict[str, Any], *, allow_private: bool) -> None:
    wrong = [
        FieldError(f"settings.{field}", reason)
        for field, url in kind.addresses(settings).items()
        if (reason := await url_objection(url, allow_private=allow_private))
    ]
    if wrong:
        raise Invalid("an address may not be called", code="address_refused", errors=wrong)


def _set_secrets(sealer: Sealer, kind: Kind, connection: Connection, given: Given) -> None:
    unknown = sorted(field for field in given if not kind.knows_secret(field))
    if unknown:
        raise Invalid(
            f"`{kind.name}` has no such secret",
            code="unknown_secret",
            errors=[FieldError(f"secrets.{field}", "unknown") for field in unknown],
        )
    kept = dict(connection.sealed_secrets)
    for field, value in given.items():
        if value is None:
            kept.pop(field, None)
        else:
            kept[field] = (
                {"$ref": value.ref}
                if isinstance(value, SecretReference)
                else vault.seal_field(sealer, connection, field, value.get_secret_value())
            )
    connection.sealed_secrets = kept


async def _locked(session: AsyncSession, ident: uuid.UUID) -> Connection:
    connection = await repository.find(session, ident, lock=True)
    if connection is None:
        raise NotFound("no such connection")
    return connection


async def _flush(session: AsyncSession, connection: Connection) -> None:
    name = connection.name  # a failed flush expires the row
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict(
            f"there is a connection named `{name}` already",
            code="name_taken",
            errors=[FieldError("name", "taken")],
        ) from error
    await session.refresh(connection)
