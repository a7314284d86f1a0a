"""How one file writes numbers and dates, and the reading of both. Called by `rows.py`.

FOCUS writes `1234.5` and `2026-01-31T00:00:00Z`. Spreadsheets rewrite both on saving, so a file whose numbers hold
commas, or whose dates hold slashes, is read once more for evidence before anything of it is believed. What stays
ambiguous (`1,234` alone may be 1234 or 1.234) is refused, never guessed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

PLACES = 38
"""Decimal places that are kept; an amount with more is refused, not rounded."""
LARGEST = Decimal(10) ** 24

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_POINT_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_COMMA_GROUPED = re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d*)?")
_COMMA_PLAIN = re.compile(r"[+-]?\d*,\d+|[+-]?\d+,?")
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
_DRESS = re.compile(r"[\s\u00a0\u202f'’$€£¥]|^[A-Z]{3}(?=[\s\d.,+-])|(?<=[\d.,])[A-Z]{3}$")  # noqa: RUF001
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:[ T](.+))?")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T](.+))?")


class Refused(ValueError):
    """A value cannot be read; the message says why, without naming the place."""


class Unsettled(Exception):
    """The file must be read for evidence first."""


class Mark(StrEnum):
    """What stands before the decimal places."""

    POINT = "point"
    COMMA = "comma"


@dataclass(frozen=True)
class Conventions:
    """`None` where the file gave no evidence."""

    mark: Mark | None = None
    day_first: bool | None = None


def settle(amounts: Iterable[str], moments: Iterable[str], *, day_first: bool | None) -> Conventions:
    """Conventions that the values give evidence of. `day_first`: what to assume of dates that give none."""
    marks = {mark for text in amounts if (mark := _evidence(_undressed(text)))}
    orders = set()
    for text in moments:
        if (match := _SLASHED.fullmatch(text.strip())) is not None:
            first, second = int(match[1]), int(match[2])
            if max(first, second) > 12:
                orders.add(first > 12)
    return Conventions(
        mark=marks.pop() if len(marks) == 1 else None,
        day_first=orders.pop() if len(orders) == 1 else None if orders else day_first,
    )


def _evidence(text: str) -> Mark | None:
    if _EITHER.fullmatch(text) or not ("," in text or "." in text):
        return None
    if _PLAIN.fullmatch(text) or _POINT_GROUPED.fullmatch(text):
        return Mark.POINT
    if _COMMA_PLAIN.fullmatch(text) or _COMMA_GROUPED.fullmatch(text):
        return Mark.COMMA
    return None


def _undressed(text: str) -> str:
    """Without currency signs and blanks; brackets become a minus."""
    text = text.strip()
    if text.startswith("(") and text.endswith(")"):
        text = "-" + text[1:-1]
    return _DRESS.sub("", text)


def amount(text: str, conventions: Conventions | None) -> Decimal:
    """One amount, exact. `conventions` is `None` until the file has been read for evidence.

    Raises:
        Refused: not a finite number, ambiguous, or beyond 38 decimal places or 10^24.
        Unsettled: it depends on conventions.
    """
    bare = _undressed(text)
    mark = conventions.mark if conventions else None
    if mark is not Mark.COMMA and _PLAIN.fullmatch(bare):
        number = Decimal(bare)
    elif conventions is None and "," in bare:
        raise Unsettled
    elif mark is not Mark.COMMA and _POINT_GROUPED.fullmatch(bare):
        if mark is None:
            raise Refused(f"{text[:40]!r} is ambiguous: the comma may group thousands or start the decimals")
        number = Decimal(bare.replace(",", ""))
    elif mark is Mark.COMMA and (_COMMA_GROUPED.fullmatch(bare) or _COMMA_PLAIN.fullmatch(bare)):
        number = Decimal(bare.replace(".", "").replace(",", "."))
    elif bare.lower().lstrip("+-") in {"inf", "infinity", "nan"}:
        raise Refused(f"{text[:40]!r} is not a finite number")
    else:
        raise Refused(f"{text[:40]!r} is not a number")
    if abs(number) >= LARGEST:
        raise Refused(f"{text[:40]!r} is too large for a cost")
    if places(number) > PLACES:
        raise Refused(f"{text[:40]!r} has more than {PLACES} decimal places")
    return number


def places(number: Decimal) -> int:
    """Decimal places as written: 2 for `1.50`."""
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def utc_day(text: str | None, conventions: Conventions | None) -> date:
    """UTC date of a time in ISO 8601 or a spreadsheet's writing; without a zone it is UTC, as FOCUS has it.

    Raises:
        Refused: it is empty, or not a date.
        Unsettled: it depends on conventions.
    """
    if text is None or not text.strip():
        raise Refused("the time is empty")
    bare = text.strip()
    if bare.endswith(("UTC", "GMT")):
        bare = bare[:-3].rstrip()
    if (match := _SLASHED.fullmatch(bare)) is not None:
        if conventions is None:
            raise Unsettled
        if conventions.day_first is None:
            raise Refused(f"{text[:40]!r} is ambiguous: day or month may come first")
        first, second = (match[2], match[1]) if conventions.day_first else (match[1], match[2])
        bare = _iso(match[3], first, second, match[4])
    elif (match := _DOTTED.fullmatch(bare)) is not None:
        bare = _iso(match[3], match[2], match[1], match[4])
    try:
        moment = datetime.fromisoformat(bare)
        return moment.date() if moment.tzinfo is None else moment.astimezone(UTC).date()
    except (ValueError, OverflowError):
        raise Refused(f"{text[:40]!r} is not a date and time") from None


def _iso(year: str, month: str, day: str, clock: str | None) -> str:
    hours = (clock or "00:00").strip()
    half = hours[-2:].upper()
    if half in {"AM", "PM"}:
        parts = hours[:-2].strip().split(":")
        parts[0] = str(int(parts[0]) % 12 + (12 if half == "PM" else 0)) if parts[0].isdigit() else parts[0]
        hours = ":".join(parts)
    if hours[1:2] == ":":
        hours = "0" + hours
    return f"{year}-{month:0>2}-{day:0>2}T{hours}"
