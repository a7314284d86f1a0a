"""Keeping secrets. Called by ``endpoints``."""

import uuid
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.audit.trail import Entry, record
from opsrail.errors import FieldError, Invalid, NotFound
from opsrail.sealing import Sealer
from opsrail.secrets import repository
from opsrail.secrets.models import Secret
from opsrail.secrets.references import OWN, ReferenceRefused
from opsrail.secrets.resolver import Resolver
from opsrail.secrets.schemas import SecretPut, SecretReference


async def check_reference(resolver: Resolver, org_id: uuid.UUID, reference: str, *, field: str) -> str:
    """A reference that may be kept.

    Raises:
        Invalid: it is malformed, or leads where this organisation may not read.
    """
    try:
        return str(await resolver.check(org_id, reference))
    except ReferenceRefused as error:
        raise Invalid(
            str(error), code="secret_reference_refused", errors=[FieldError(field, "not allowed")]
        ) from error


async def put(
    session: AsyncSession, sealer: Sealer, org_id: uuid.UUID, name: str, body: SecretPut, *, by: str
) -> Secret:
    """Keep a secret under a name, in the place of what was there. References must have been checked.

    Raises:
        Invalid: a kept secret that refers to a kept one.
    """
    kept = await repository.find(session, name, lock=True)
    if kept is None:
        kept = Secret(org_id=org_id, name=name, version=0)
        session.add(kept)
    kept.sealed, kept.reference = None, None
    if isinstance(body.value, SecretReference):
        if body.value.ref.startswith(f"{OWN}:"):
            raise Invalid("a kept secret cannot refer to another", code="secret_reference_refused")
        kept.reference = body.value.ref
    else:
        kept.sealed = sealer.seal(body.value.get_secret_value().encode(), context=kept.context())
    kept.version += 1
    kept.updated_by = by
    kept.updated_at = datetime.now(UTC)
    await session.flush()
    await session.refresh(kept)
    detail: dict[str, object] = {"version": kept.version, "reference": kept.reference}
    await record(session, org_id, _entry(by, "secret.set", name, detail))
    return kept


async def remove(session: AsyncSession, org_id: uuid.UUID, name: str, *, by: str) -> None:
    """Forget a secret.

    Raises:
        NotFound: there is none of that name.
    """
    if not await repository.remove(session, name):
        raise NotFound("no such secret")
    await record(session, org_id, _entry(by, "secret.deleted", name, {}))


def _entry(by: str, verb: str, name: str, detail: dict[str, object]) -> Entry:
    return Entry(actor=by, verb=verb, target=f"secret:{name}", outcome="succeeded", detail=detail)
