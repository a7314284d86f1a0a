"""The trail as a file: JSON lines that ``verification`` can check, or OCSF events. Called by ``endpoints``."""

import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.audit import ocsf, repository
from opsrail.audit.chain import GENESIS, record_of
from opsrail.audit.checkpoints import Checkpoint, Kind
from opsrail.audit.signatory import Signatory
from opsrail.audit.verification import FILE_FORMAT
from opsrail.errors import Invalid


async def start_of(session: AsyncSession, org_id: uuid.UUID, after: int | None) -> tuple[int, bytes]:
    """Where an export begins: beyond ``after``, else at the oldest entry that is kept; with the hash it follows.

    Raises:
        Invalid: there is no entry of that position.
    """
    vouched = {row.position: bytes(row.hash) for row in await repository.checkpoints(session, org_id)}
    if after is None:
        first = await repository.first_position(session, org_id)
        after = first - 1 if first is not None else max(vouched, default=0)
    found = GENESIS if after == 0 else vouched.get(after) or await repository.hash_at(session, org_id, after)
    if found is None:
        raise Invalid(f"there is no entry at position {after}", code="unknown_position")
    return after, bytes(found)


async def json_lines(
    session: AsyncSession, org_id: uuid.UUID, signatory: Signatory, start: tuple[int, bytes]
) -> AsyncIterator[bytes]:
    """The head with the public keys, entries and checkpoints as they follow each other, and the signed end."""
    after, last_hash = start
    yield _line(
        {
            "kind": "head",
            "format": FILE_FORMAT,
            "org_id": str(org_id),
            "after": after,
            "hash": last_hash.hex(),
            "keys": await signatory.jwks(),
        }
    )
    tokens = {row.position: row.token for row in await repository.checkpoints(session, org_id)}
    position = after
    if after in tokens:
        yield _line({"kind": "checkpoint", "token": tokens[after]})
    async for row in repository.sealed(session, org_id, after=after):
        position, last_hash = row.position, bytes(row.hash)
        yield _line({"kind": "entry", **record_of(row), "hash": last_hash.hex()})
        if position in tokens:
            yield _line({"kind": "checkpoint", "token": tokens[position]})
    end = Checkpoint(org_id=org_id, position=position, hash=last_hash, at=datetime.now(UTC))
    yield _line({"kind": "closing", "token": await signatory.sign(end, Kind.CLOSING)})


async def ocsf_lines(session: AsyncSession, org_id: uuid.UUID, start: tuple[int, bytes]) -> AsyncIterator[bytes]:
    """One OCSF event per entry."""
    async for row in repository.sealed(session, org_id, after=start[0]):
        yield _line(ocsf.event({**record_of(row), "hash": bytes(row.hash).hex()}))


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
