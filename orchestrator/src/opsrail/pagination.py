"""Cursor pagination over a descending ``(time, id)`` key. Cursors are opaque to callers and carry no trust."""

import base64
import binascii
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

import orjson
from fastapi import Depends, Query
from pydantic import BaseModel

from opsrail.errors import BadRequest, FieldError

Item = TypeVar("Item")
Row = TypeVar("Row")


class Page(BaseModel, Generic[Item]):
    """One page; ``next`` is the cursor of the following one, or null at the end."""

    items: list[Item]
    next: str | None = None


@dataclass(frozen=True)
class Cursor:
    """Position after a row: its time and its id."""

    at: datetime
    id: str

    def encode(self) -> str:
        return base64.urlsafe_b64encode(orjson.dumps([self.at.isoformat(), self.id])).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Read a cursor.

        Raises:
            BadRequest: it is not one of ours.
        """
        try:
            at, ident = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            moment = datetime.fromisoformat(at)
            if moment.tzinfo is None or not isinstance(ident, str):
                raise ValueError("not a cursor")
            return cls(moment.astimezone(UTC), ident)
        except (ValueError, TypeError, OverflowError, binascii.Error) as error:
            raise _malformed() from error

    @property
    def uuid(self) -> uuid.UUID:
        """The id, of a list whose rows have UUIDs.

        Raises:
            BadRequest: it is a cursor of another list.
        """
        ident = uuid_or_none(self.id)
        if ident is None:
            raise _malformed()
        return ident

    @property
    def number(self) -> int:
        """The id, of a list whose rows are numbered.

        Raises:
            BadRequest: it is a cursor of another list.
        """
        if not re.fullmatch("[0-9]{1,18}", self.id):
            raise _malformed()
        return int(self.id)


def _malformed() -> BadRequest:
    return BadRequest(
        "the cursor is not one that this list gave", code="bad_cursor", errors=[FieldError("cursor", "malformed")]
    )


@dataclass(frozen=True)
class PageRequest:
    """What a list route was asked for; ``limit`` is already bounded."""

    limit: int
    after: Cursor | None

    def page(self, rows: Sequence[Row], key: Callable[[Row], Cursor], show: Callable[[Row], Item]) -> Page[Item]:
        """A page from up to ``limit + 1`` rows, the extra one telling that there is more."""
        kept = rows[: self.limit]
        more = len(rows) > self.limit
        return Page(items=[show(row) for row in kept], next=key(kept[-1]).encode() if more and kept else None)


def _page_request(
    limit: Annotated[int, Query(ge=1, le=500, description="Most items in the answer")] = 50,
    cursor: Annotated[str | None, Query(max_length=512, description="`next` of the page before")] = None,
) -> PageRequest:
    return PageRequest(limit, Cursor.decode(cursor) if cursor else None)


Paging = Annotated[PageRequest, Depends(_page_request)]


def uuid_or_none(text: str) -> uuid.UUID | None:
    """``text`` as a UUID; what is none cannot name a row, so callers answer 404."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
