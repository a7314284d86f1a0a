"""Keeps secrets out of log lines, errors and outputs, also where they were encoded on the way."""

import base64
import json
import re
from collections.abc import Iterable, MutableMapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 4
"""Shorter values are not masked: they would blot out ordinary words and give themselves away by it."""


class Masker:
    """Replaces known secrets in texts. Secrets can be added while it is in use."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secrets: Iterable[str]) -> None:
        """Mask these from now on: as they are, line by line, base64, URL-encoded and JSON-escaped."""
        forms = {form for secret in secrets for form in _forms(secret)} - self._forms
        if not forms:
            return
        self._forms |= forms
        longest_first = sorted(self._forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(re.escape(form) for form in longest_first))

    def text(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text

    def value(self, value: Any) -> Any:
        """JSON-like data with every string masked, keys too."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value


current: ContextVar[Masker | None] = ContextVar("masker", default=None)
"""The masker of the run that the running task belongs to."""


def mask_log(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: the process log hides what the run's log hides."""
    masker = current.get()
    return fields if masker is None else {key: masker.value(value) for key, value in fields.items()}


def _forms(secret: str) -> set[str]:
    parts = {secret.strip(), *(line.strip() for line in secret.splitlines())}
    forms: set[str] = set()
    for part in parts:
        if len(part) < SHORTEST:
            continue
        forms |= {part, quote(part, safe=""), quote(part), quote_plus(part), json.dumps(part)[1:-1]}
        forms |= {form for form in _base64_forms(part.encode()) if len(form) >= SHORTEST}
    return forms


def _base64_forms(secret: bytes) -> set[str]:
    """Base64 of the secret wherever it stands in a longer text, such as ``user:secret``.

    The first and last characters depend on the neighbours at two of the three alignments, so they are left out.
    """
    forms: set[str] = set()
    for offset in range(3):
        padded = bytes(offset) + secret
        keep_from = (offset * 8 + 5) // 6
        keep_to = len(padded) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms.add(encode(padded).decode()[keep_from:keep_to])
    return forms
