"""The hash chain over audit entries: pure, used by ``sealer`` to make it and by ``verification`` to check it.

Each entry's hash is SHA-256 over the hash before it and the entry's canonical JSON: the fields of ``FIELDS``, keys in
order of code points, no spaces, UTF-8. Positions count from 1 without a gap, so an entry that was altered, left out,
put in or moved breaks the chain where it stands.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

GENESIS = bytes(32)
"""What the first entry of a chain follows."""

FIELDS = (
    "id",
    "org_id",
    "position",
    "at",
    "actor",
    "verb",
    "target",
    "outcome",
    "reason",
    "decision_id",
    "correlation_id",
    "detail",
)


class ChainBroken(Exception):
    """An entry does not follow the one before it.

    Attributes:
        position: where in the chain.
        entry_id: of the entry met there, where there is one.
    """

    def __init__(self, what: str, *, position: int, entry_id: int | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.position = position
        self.entry_id = entry_id


def record_of(row: Any, *, position: int | None = None) -> dict[str, Any]:
    """A row of ``audit_entries`` as it is hashed and exported; ``position`` where the row has none yet."""
    at: datetime = row.at
    return {
        "id": row.id,
        "org_id": str(row.org_id),
        "position": row.position if position is None else position,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": row.actor,
        "verb": row.verb,
        "target": row.target,
        "outcome": row.outcome,
        "reason": row.reason,
        "decision_id": str(row.decision_id) if row.decision_id else None,
        "correlation_id": row.correlation_id,
        "detail": row.detail,
    }


def canonical(record: Mapping[str, Any]) -> bytes:
    """The bytes of a record that are hashed.

    Raises:
        KeyError: a field is missing.
    """
    kept = {field: record[field] for field in FIELDS}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def digest(previous: bytes, record: Mapping[str, Any]) -> bytes:
    """The hash of a record that follows the hash ``previous``."""
    return hashlib.sha256(previous + canonical(record)).digest()


@dataclass
class Chain:
    """Follows a chain from a known place; ``position`` and ``hash`` are those of the last entry that held."""

    org_id: str
    position: int = 0
    hash: bytes = GENESIS

    def follow(self, record: Mapping[str, Any], claimed: bytes) -> None:
        """Take the next entry.

        Raises:
            ChainBroken: it is not the entry that was sealed here.
        """
        expected = self.position + 1
        try:
            position, entry_id = int(record["position"]), int(record["id"])
            computed = digest(self.hash, record)
        except (KeyError, TypeError, ValueError) as error:
            raise ChainBroken("the entry is not whole", position=expected) from error
        if position > expected:
            raise ChainBroken(
                f"{position - expected} missing before this entry, or it stands too early",
                position=expected,
                entry_id=entry_id,
            )
        if position < expected:
            raise ChainBroken("a position that was taken already", position=position, entry_id=entry_id)
        if record["org_id"] != self.org_id:
            raise ChainBroken("an entry of another organisation", position=position, entry_id=entry_id)
        if computed != claimed:
            raise ChainBroken(
                "its content is not what was sealed, or what it follows was altered",
                position=position,
                entry_id=entry_id,
            )
        self.position, self.hash = position, computed
