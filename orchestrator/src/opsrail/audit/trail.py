"""Writing the audit trail, in the transaction of what is told. Called by every service that changes something.

An entry is chained within about a second of its commit by ``sealer``; see ``chain`` for how. What is refused has no
transaction and goes to ``refusals``.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

INSTANCE = uuid.UUID(int=0)
"""Stands for the organisation in the chain of the instance itself, of what belongs to no organisation."""

LONGEST_TEXT = 2000
"""Characters of each text; what a stranger sends may be longer and is cut."""
LONGEST_DETAIL = 16_384
"""Bytes of the detail as JSON."""

Outcome = Literal["allowed", "denied", "succeeded", "failed"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that was done or refused.

    Attributes:
        actor: ``principal.id``: ``token:<uuid>``, ``user:<uuid>``, ``machine:<uuid>``, ``agent:<id>``,
            ``system:<worker>`` or ``anonymous``.
        verb: dotted and past: ``run.requested``, ``token.created``, ``access.refused``.
        target: what it was done to: ``run:<id>``, ``agent:<id>``, ``connection:<id>``, ``route:<METHOD path>``.
        reason: why, in words for people.
        decision_id: the policy decision it rests on.
        correlation_id: taken from the request's where left out.
        detail: JSON-ready, holds no secrets.
    """

    actor: str
    verb: str
    target: str
    outcome: Outcome
    reason: str = ""
    decision_id: uuid.UUID | None = None
    correlation_id: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


async def record(session: AsyncSession, org_id: uuid.UUID, entry: Entry) -> None:
    """Write an entry; it stands once the session's transaction commits, and only then.

    The session must be one of ``Database.organisation(org_id)`` or ``Database.across``.
    """
    await record_all(session, [(org_id, entry)])


async def record_raw(connection: psycopg.AsyncConnection, entries: Sequence[tuple[uuid.UUID, Entry]]) -> None:
    """As ``record_all``, in the transaction of a bare connection of ``Database.raw_across``."""
    async with connection.cursor() as cursor:
        await cursor.executemany(_INSERT_RAW, [row_of(org_id, entry) for org_id, entry in entries])


async def record_all(session: AsyncSession, entries: Sequence[tuple[uuid.UUID, Entry]]) -> None:
    """Write several entries in one statement."""
    await session.execute(_INSERT, [row_of(org_id, entry) for org_id, entry in entries])


_COLUMNS = ("org_id", "actor", "verb", "target", "outcome", "reason", "decision_id", "correlation_id", "detail")


def _insert(parameter: str) -> str:
    plain = ", ".join(parameter.format(name) for name in _COLUMNS[:-1])
    detail = f"CAST({parameter.format(_COLUMNS[-1])} AS jsonb)"
    return f"INSERT INTO audit_entries ({', '.join(_COLUMNS)}) VALUES ({plain}, {detail})"  # noqa: S608 (names of ours alone)


_INSERT = text(_insert(":{}"))
_INSERT_RAW = _insert("%({})s")


def correlation_of(entry: Entry) -> str | None:
    """Of the request under way, where the entry names none."""
    found: str | None = entry.correlation_id or structlog.contextvars.get_contextvars().get("correlation_id")
    return found


def row_of(org_id: uuid.UUID, entry: Entry) -> dict[str, Any]:
    """Values of the columns, for a statement that writes the entry together with what it tells of."""
    correlation = correlation_of(entry)
    return {
        "org_id": org_id,
        "actor": _clean(entry.actor),
        "verb": _clean(entry.verb),
        "target": _clean(entry.target),
        "outcome": entry.outcome,
        "reason": _clean(entry.reason),
        "decision_id": entry.decision_id,
        "correlation_id": _clean(correlation) if correlation else None,
        "detail": _detail(entry.detail),
    }


def _clean(given: str) -> str:
    """Text that PostgreSQL can store: no NUL, no lone surrogate, not endless."""
    kept = given if len(given) <= LONGEST_TEXT else f"{given[:LONGEST_TEXT]}…"
    return kept.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _detail(given: Mapping[str, Any]) -> str:
    encoded = orjson.dumps(_clean_value(given), default=str, option=orjson.OPT_NON_STR_KEYS)
    if len(encoded) > LONGEST_DETAIL:
        encoded = orjson.dumps({"left_out": f"{len(encoded)} bytes of detail"})
    return encoded.decode()


def _clean_value(value: Any) -> Any:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, Mapping):
        return {_clean(str(key)): _clean_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean_value(item) for item in value]
    return value
