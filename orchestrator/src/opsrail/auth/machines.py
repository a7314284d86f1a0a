"""Machine identities: made, rotated and revoked; the replay guard of their signed requests.

A signature names the second it was made in, so a client that repeats a read within that second sends the very same
signature again. Reads may therefore repeat for a few seconds after they were first seen; a signed write never. Seen
signatures are kept in PostgreSQL: Redis may forget them, and then a recorded write could be sent again.
"""

import secrets
import string
import uuid
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from opsrail.audit.trail import Entry, record
from opsrail.auth import repository
from opsrail.auth.models import Machine
from opsrail.auth.principal import Principal
from opsrail.auth.service import check_reach
from opsrail.auth.sigv4 import SKEW, Claim, SignedRequest
from opsrail.db.engine import Database
from opsrail.errors import NotFound, Unauthenticated
from opsrail.sealing import Sealer

SAME_READ = timedelta(seconds=5)
NOBODYS_SECRET = "-" * 40  # checked against where the key is unknown, so that the time tells nothing
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_ALPHABET = string.ascii_uppercase + "234567"
_SWEEP_ONE_IN = 200


def seal_context(machine_id: uuid.UUID) -> str:
    return f"machines:{machine_id}:secret"


async def as_signed(request: Request) -> SignedRequest:
    """The request as it came over the wire, body included."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return SignedRequest(
        method=request.method,
        path=raw.partition(b"?")[0].decode("latin-1"),
        query=request.scope["query_string"].decode("latin-1"),
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.scope["headers"]],
        body=await request.body(),
    )


def refused(reason: str) -> Unauthenticated:
    """The one answer to every signature that is not accepted; ``reason`` is for the audit trail."""
    error = Unauthenticated("the signature is not accepted", code="signature_rejected")
    error.add_note(reason)
    return error


async def refuse_replay(
    database: Database, org_id: uuid.UUID, machine_id: uuid.UUID, claim: Claim, method: str
) -> None:
    """Raises ``Unauthenticated`` for a signature seen before, except a read repeated at once."""
    async with database.organisation(org_id) as session:
        fresh = await session.scalar(
            text(
                """
                INSERT INTO machine_requests AS seen (org_id, machine_id, signature)
                VALUES (:org, :machine, :signature)
                ON CONFLICT (machine_id, signature) DO UPDATE SET signature = EXCLUDED.signature
                  WHERE :safe AND seen.first_seen_at > now() - CAST(:window AS interval)
                RETURNING true
                """
            ),
            {
                "org": org_id,
                "machine": machine_id,
                "signature": bytes.fromhex(claim.signature),
                "safe": method in _SAFE,
                "window": SAME_READ,
            },
        )
        if secrets.randbelow(_SWEEP_ONE_IN) == 0:
            await session.execute(
                text("DELETE FROM machine_requests WHERE first_seen_at < now() - CAST(:kept AS interval)"),
                {"kept": SKEW * 3},
            )
    if not fresh:
        raise refused("replay: the signature was seen before")


async def create(
    session: AsyncSession,
    sealer: Sealer,
    *,
    by: Principal,
    name: str,
    roles: Collection[str],
    expires_at: datetime | None,
) -> tuple[Machine, str]:
    """A machine identity and its secret access key, which is shown this once.

    Raises:
        Forbidden: roles that may do more than their giver.
        Invalid: a role that does not exist.
    """
    await check_reach(session, by, roles)
    machine_id = uuid.uuid4()
    shown = secrets.token_urlsafe(30)
    machine = Machine(
        id=machine_id,
        org_id=by.org_id,
        name=name,
        access_key_id="OPSR" + "".join(secrets.choice(_ALPHABET) for _ in range(16)),
        sealed_secret=sealer.seal(shown.encode(), context=seal_context(machine_id)),
        roles=sorted(set(roles)),
        owner_id=uuid.UUID(by.person.removeprefix("user:")) if by.person else None,
        created_by=by.id,
        expires_at=expires_at,
    )
    session.add(machine)
    await session.flush()
    await session.refresh(machine)
    await _note(session, by, "machine.created", machine)
    return machine, shown


async def rotate(
    session: AsyncSession, sealer: Sealer, *, by: Principal, machine_id: uuid.UUID
) -> tuple[Machine, str]:
    """A new secret for a machine; the old one is void.

    Raises:
        NotFound: no living machine of that id.
    """
    machine = await _living(session, machine_id)
    shown = secrets.token_urlsafe(30)
    machine.sealed_secret = sealer.seal(shown.encode(), context=seal_context(machine_id))
    await _note(session, by, "machine.rotated", machine)
    return machine, shown


async def revoke(session: AsyncSession, *, by: Principal, machine_id: uuid.UUID) -> None:
    """End a machine identity for good.

    Raises:
        NotFound: no living machine of that id.
    """
    machine = await _living(session, machine_id)
    machine.revoked_at = await repository.now(session)
    await _note(session, by, "machine.revoked", machine)


async def _living(session: AsyncSession, machine_id: uuid.UUID) -> Machine:
    machine = await session.get(Machine, machine_id, with_for_update=True)
    if machine is None or machine.revoked_at is not None:
        raise NotFound("no such machine")
    return machine


async def _note(session: AsyncSession, by: Principal, verb: str, machine: Machine) -> None:
    detail = {"name": machine.name, "access_key_id": machine.access_key_id, "roles": machine.roles}
    entry = Entry(actor=by.id, verb=verb, target=f"machine:{machine.id}", outcome="succeeded", detail=detail)
    await record(session, by.org_id, entry)
