"""Checks a chain, in the database or in an exported file, and names the first entry that does not hold.

Called by ``endpoints`` and, for files, by ``opsrail audit verify FILE`` without any server.
"""

import json
import uuid
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.audit import checkpoints, repository
from opsrail.audit.chain import GENESIS, Chain, ChainBroken, record_of
from opsrail.audit.checkpoints import Checkpoint, CheckpointInvalid, Kind
from opsrail.audit.sealer import CHECKPOINT_TYPE
from opsrail_sdk.capability import Keys, parse_jwks

FILE_FORMAT = "opsrail-audit/1"


@dataclass(frozen=True)
class Fault:
    """Where a chain breaks first. ``entry_id`` is that of the entry met there, where there is one."""

    what: str
    position: int | None = None
    entry_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found.

    Attributes:
        after: position that what was checked follows; 0 is the beginning of the chain.
        entries: how many held, from there on.
        head: hash of the last of them.
        vouched: signed checkpoints that held.
        waiting: entries too young to have a place yet.
        trusted: whether the signing keys came from elsewhere than from the file itself.
        fault: the first thing that does not hold; ``None`` where all does.
    """

    org_id: str
    after: int
    entries: int
    head: str
    vouched: int
    waiting: int = 0
    trusted: bool = True
    fault: Fault | None = None

    @property
    def holds(self) -> bool:
        return self.fault is None


class _Check:
    """A chain under examination, entry by entry and checkpoint by checkpoint."""

    def __init__(self, org_id: str, keys: Keys) -> None:
        self._keys = keys
        self.chain = Chain(org_id)
        self.after = 0
        self.vouched = 0

    def begin(self, position: int, hash: bytes) -> None:
        self.chain.position, self.chain.hash = position, hash
        self.after = position

    def token(self, token: str, kind: Kind = Kind.CHECKPOINT) -> Checkpoint:
        """What a token at the chain's present end says.

        Raises:
            ChainBroken: it does not vouch for this end.
        """
        at = self.chain.position
        try:
            said = checkpoints.read(token, kind, self._keys)
        except CheckpointInvalid as error:
            raise ChainBroken(f"the checkpoint here does not count: {error}", position=at) from error
        if (str(said.org_id), said.position, said.hash) != (self.chain.org_id, at, self.chain.hash):
            raise ChainBroken("the signed checkpoint here vouches for another content", position=at)
        self.vouched += 1
        return said

    def genuine(self, token: str) -> Checkpoint | None:
        """What a token says about this chain, wherever it stands; ``None`` where no trusted key signed it."""
        try:
            said = checkpoints.read(token, Kind.CHECKPOINT, self._keys)
        except CheckpointInvalid:
            return None
        return said if str(said.org_id) == self.chain.org_id else None

    def report(self, **more: Any) -> Report:
        return Report(
            org_id=self.chain.org_id,
            after=self.after,
            entries=self.chain.position - self.after,
            head=self.chain.hash.hex(),
            vouched=self.vouched,
            **more,
        )


async def verify_database(session: AsyncSession, org_id: uuid.UUID, keys: Keys, *, keep: timedelta) -> Report:
    """As ``examine``, in one go."""
    async for found in examine(session, org_id, keys, keep=keep):
        if isinstance(found, Report):
            return found
    raise AssertionError("an examination ends with a report")


async def examine(
    session: AsyncSession, org_id: uuid.UUID, keys: Keys, *, keep: timedelta
) -> AsyncIterator[int | Report]:
    """Check the whole chain of an organisation: the position reached, again and again, and what was found at the end.

    A stretch of the chain is held at a time, however long the chain.

    Args:
        keep: how long entries are kept; a chain cut off more recently was not cut by retention.
    """
    check = _Check(str(org_id), keys)
    fault: Fault | None = None
    try:
        await _begin(check, session, org_id, keep)
        async for rows in repository.stretches(session, org_id, after=check.chain.position):
            tokens = await repository.checkpoint_tokens(session, org_id, rows[0].position, rows[-1].position)
            for row in rows:
                check.chain.follow(record_of(row), bytes(row.hash))
                if row.position in tokens:
                    check.token(tokens[row.position])
            yield check.chain.position
        await _ends(check, session, org_id)
    except ChainBroken as error:
        fault = Fault(error.what, error.position, error.entry_id)
    yield check.report(waiting=await repository.unsealed(session, org_id), fault=fault)


async def _begin(check: _Check, session: AsyncSession, org_id: uuid.UUID, keep: timedelta) -> None:
    first = await repository.first_position(session, org_id)
    if first == 1:
        return
    if first is None:
        closing = await repository.last_checkpoint(session, org_id)
        if closing is None:
            return
    else:
        closing = await repository.checkpoint_at(session, org_id, first - 1)
    if closing is None:
        raise ChainBroken("the entries before this one are gone, and no checkpoint closes them", position=first or 0)
    check.begin(closing.position, bytes(closing.hash))
    said = check.token(closing.token)
    if said.at > datetime.now(UTC) - keep:
        raise ChainBroken(
            f"the entries up to here are gone, though they are younger than the {keep.days} days that are kept",
            position=said.position,
        )


async def _ends(check: _Check, session: AsyncSession, org_id: uuid.UUID) -> None:
    last, vouched = check.chain.position, await repository.last_checkpoint(session, org_id)
    if vouched is not None and vouched.position > last:
        raise ChainBroken(
            f"the end is cut off: a checkpoint vouches for {vouched.position} entries", position=last + 1
        )
    for token in await repository.published_tokens(session, org_id, CHECKPOINT_TYPE, beyond=last):
        said = check.genuine(token)
        if said is not None and said.position > last:
            raise ChainBroken(
                f"the end is cut off: a published checkpoint vouches for {said.position} entries", position=last + 1
            )


def verify_file(lines: Iterable[bytes], keys: Keys | None = None) -> Report:
    """Check an exported file.

    Args:
        lines: of the file.
        keys: whose signatures count; the file's own where left out, which shows damage but no forger.

    Raises:
        ValueError: the file is none of ours.
    """
    numbered = enumerate(lines, start=1)
    check, trusted = _opened(next(numbered, (0, b""))[1], keys)
    closed = False
    fault: Fault | None = None
    number = 1
    try:
        for number, line in numbered:
            if closed:
                raise ChainBroken(f"line {number} stands after the end", position=check.chain.position)
            closed = _line(check, line)
        if not closed:
            raise ChainBroken("the end of the file is cut off", position=check.chain.position + 1)
    except ChainBroken as error:
        fault = Fault(error.what, error.position, error.entry_id)
    except (KeyError, TypeError, ValueError):
        fault = Fault(f"line {number} is not whole", check.chain.position + 1)
    return check.report(trusted=trusted, fault=fault)


def _opened(line: bytes, keys: Keys | None) -> tuple[_Check, bool]:
    try:
        head = json.loads(line)
        if head["format"] != FILE_FORMAT:
            raise ValueError(head["format"])
        own = parse_jwks(json.dumps({"keys": head["keys"]}).encode())
        check = _Check(head["org_id"], own if keys is None else keys)
        check.begin(int(head["after"]), bytes.fromhex(head["hash"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"this is no export of the form {FILE_FORMAT}") from error
    if check.after == 0 and check.chain.hash != GENESIS:
        raise ValueError("the file does not begin where a chain begins")
    return check, keys is not None


def _line(check: _Check, line: bytes) -> bool:
    """Take a line; whether it was the closing one."""
    parsed = json.loads(line)
    match parsed.pop("kind"):
        case "entry":
            check.chain.follow(parsed, bytes.fromhex(parsed["hash"]))
        case "checkpoint":
            check.token(parsed["token"])
        case "closing":
            check.token(parsed["token"], Kind.CLOSING)
            return True
        case _:
            raise ValueError("an unknown kind of line")
    return False
