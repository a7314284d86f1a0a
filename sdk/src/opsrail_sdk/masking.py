"""Keeps secrets out of log lines, errors, events and outputs, also where they were encoded on the way.

Used by attempts for what a run tells, by ``telemetry`` for the process log, by the orchestrator for what leaves it.
"""

import base64
import json
import re
from collections import OrderedDict
from collections.abc import Iterable, MutableMapping, Sequence
from contextvars import ContextVar
from itertools import groupby
from os.path import commonprefix
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 4
"""Shorter values are not masked: they would blot out ordinary words and give themselves away by it."""
_SHORT = 4096
_PATIENCE = 100
"""So many short texts are searched form by form before a pattern is made, at about a millisecond a secret."""


class Masker:
    """Replaces known secrets in texts. Secrets can be added while it is in use.

    Args:
        most: secrets held; of more, those added longest ago are forgotten.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._secrets: OrderedDict[str, frozenset[str]] = OrderedDict()
        self._pattern: re.Pattern[str] | None = None
        self._stale = False
        self._by_hand = 0
        self.longest = 0
        """Characters of the longest form that is looked for."""

    def add(self, secrets: Iterable[str]) -> None:
        """Mask these from now on: line by line, as they are, base64, URL-encoded and JSON-escaped."""
        for secret in secrets:
            if secret not in self._secrets:
                self._secrets[secret] = _forms(secret)
                self._changed()
            self._secrets.move_to_end(secret)
        while self._most is not None and len(self._secrets) > self._most:
            self._secrets.popitem(last=False)
            self._changed()

    def text(self, text: str) -> str:
        if self._stale and len(text) <= _SHORT and self._by_hand < _PATIENCE:
            self._by_hand += 1
            return self._one_by_one(text)
        pattern = self.pattern()
        return pattern.sub(MASK, text) if pattern else text

    def value(self, value: Any) -> Any:
        """JSON-like data with every string masked, keys too."""
        if not self._secrets:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value

    def pattern(self) -> re.Pattern[str] | None:
        """What finds every form, the longest where several begin; ``None`` where there is nothing to mask."""
        if self._stale:
            forms = sorted(frozenset().union(*self._secrets.values()))
            self.longest = max(map(len, forms), default=0)
            self._pattern = re.compile(_any_of(forms)) if forms else None
            self._stale = False
        return self._pattern

    def _changed(self) -> None:
        self._stale = True
        self._by_hand = 0

    def _one_by_one(self, text: str) -> str:
        found = {form for forms in self._secrets.values() for form in forms if form in text}
        for form in sorted(found, key=len, reverse=True):
            text = text.replace(form, MASK)
        return text


class MaskedStream:
    """Masks a text that comes in pieces, also where a secret lies across two of them.

    What may be the beginning of a secret is held back, but never a line that is whole: no form spans lines.
    """

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._held = ""

    def feed(self, piece: str) -> str:
        """Take the next piece; what can be shown of the text so far."""
        self._held += piece
        pattern = self._masker.pattern()
        whole_lines = self._held.rfind("\n") + 1
        sure = max(whole_lines, len(self._held) - self._masker.longest + 1) if pattern else len(self._held)
        if sure <= 0:
            return ""
        shown: list[str] = []
        position = 0
        for found in pattern.finditer(self._held) if pattern else ():
            if found.start() >= sure:
                break
            shown += (self._held[position : found.start()], MASK)
            position = found.end()
        end = max(sure, position)
        shown.append(self._held[position:end])
        self._held = self._held[end:]
        return "".join(shown)

    def close(self) -> str:
        """The rest."""
        rest, self._held = self._held, ""
        return self._masker.text(rest)


current: ContextVar[Masker | None] = ContextVar("masker", default=None)
"""The masker of the run that the running task belongs to."""

everywhere = Masker(most=200)
"""Secrets that this process has opened, for what it logs, answers and emits whatever the task."""


def hide(value: Any) -> Any:
    """JSON-like data without what this process has opened and what the running task's run hides."""
    for masker in (everywhere, current.get()):
        if masker is not None:
            value = masker.value(value)
    return value


def mask_log(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: the process log hides what this process has opened, and what the run's log hides."""
    return {key: hide(value) for key, value in fields.items()}


def _forms(secret: str) -> frozenset[str]:
    parts = {line.strip() for line in re.split(r"[\r\n]+", secret)}
    if len(parts) == 1:
        parts |= {secret.strip(), secret.strip("\r\n")}
    forms: set[str] = set()
    for part in parts:
        if len(part) < SHORTEST:
            continue
        encoded = part.encode("utf-8", "surrogatepass")
        urls = {quote(encoded, safe=""), quote(encoded), quote_plus(encoded)}
        escaped = json.dumps(part)[1:-1]
        forms |= {part, *urls, *map(_lower_escapes, urls)}
        forms |= {escaped, json.dumps(part, ensure_ascii=False)[1:-1], json.dumps(escaped)[1:-1]}
        forms.add(escaped.replace("/", r"\/"))
        forms |= {form for form in _base64_forms(encoded) if len(form) >= SHORTEST}
    return frozenset(forms)


def _lower_escapes(text: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), text)


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


def _any_of(forms: Sequence[str]) -> str:
    """A pattern for sorted forms that shares their common beginnings, so that thousands cost little per character.

    An alternation of them all would try each at every character: for 200 secrets that is twenty times slower.
    """
    shared = commonprefix([forms[0], forms[-1]])  # noqa: RUF071 (by character is what is wanted)
    rest = [form[len(shared) :] for form in forms]
    ends = "" in rest
    branches = [_any_of(list(group)) for _, group in groupby(filter(None, rest), key=lambda form: form[0])]
    if not branches:
        return re.escape(shared)
    return f"{re.escape(shared)}(?:{'|'.join(branches)}){'?' if ends else ''}"
