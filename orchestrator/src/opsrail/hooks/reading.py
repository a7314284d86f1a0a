"""Reading payloads that may lack anything. Pure; used by the normalisers."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

_MILLISECONDS_FROM = 10_000_000_000
"""Epoch numbers above this (the year 2286 in seconds) are milliseconds."""


def dig(value: Any, *path: str) -> Any:
    """``value[path[0]][path[1]]…``, or ``None`` where any step is missing."""
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def text(value: Any) -> str | None:
    """``value`` where it is text that says something, numbers as text."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def texts(value: Any) -> list[str]:
    """The strings of a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def moment(value: Any) -> datetime | None:
    """A time in any of the forms that senders use, aware UTC; ``None`` for what is none.

    ISO 8601, ``2016-08-12 15:23:28 UTC`` (GitLab), and epoch seconds or milliseconds.
    """
    if isinstance(value, str) and value.strip().lstrip("-").isdigit():
        value = int(value)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if abs(value) >= _MILLISECONDS_FROM else value, UTC)
        if isinstance(value, str):
            found = datetime.fromisoformat(value.strip().replace(" UTC", "+00:00"))
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def uri(value: Any) -> str | None:
    """``value`` where it is an absolute URI, with what a URI may not contain escaped."""
    candidate = text(value)
    if candidate is None:
        return None
    try:
        parts = urlsplit(candidate)
    except ValueError:
        return None
    if not parts.scheme or not (parts.netloc or parts.path):
        return None
    return quote(candidate, safe="%:/?#[]@!$&'()*+,;=~-._")
