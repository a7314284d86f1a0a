"""References to secrets that live elsewhere: ``{"$ref": "<source>:<path>#<field>"}``. Pure.

======================================  =====================================================================
``secret:<name>``                       a secret of the same organisation, as ``opsrail secrets set`` keeps it
``env:<NAME>``                          an environment variable of the orchestrator
``vault:<mount>/data/<path>#<field>``   a field in Vault's or OpenBao's key-value engine, version 2
``aws:<id or ARN>#<field>``             AWS Secrets Manager; without a field the whole text
``kubernetes:<namespace>/<name>#<key>`` a key of a Kubernetes Secret
======================================  =====================================================================

All but the first lead to what the whole process may read, so an operator's setting says what may be referred to.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

OWN = "secret"
SOURCES = (OWN, "env", "vault", "aws", "kubernetes")

_FORM = re.compile(
    r"(?P<source>[a-z]+):(?P<path>[A-Za-z0-9_.@:/+=,-]{1,512})(?:#(?P<field>[A-Za-z0-9_.@/+=-]{1,256}))?"
)
_NEED_FIELD = frozenset({"vault", "kubernetes"})


class ReferenceRefused(Exception):
    """Malformed, or leads to what the organisation may not read."""


@dataclass(frozen=True)
class Reference:
    """Where a secret is. ``field`` is empty where the whole text is meant."""

    source: str
    path: str
    field: str = ""

    def __str__(self) -> str:
        return f"{self.source}:{self.path}" + (f"#{self.field}" if self.field else "")


def parse(text: str) -> Reference:
    """Read a reference.

    Raises:
        ReferenceRefused: it is none, or climbs out of its path.
    """
    matched = _FORM.fullmatch(text)
    if matched is None or matched["source"] not in SOURCES:
        raise ReferenceRefused(f"a reference reads like `vault:kv/data/app#password`; sources: {', '.join(SOURCES)}")
    reference = Reference(matched["source"], matched["path"], matched["field"] or "")
    if any(part in {"", ".", ".."} for part in reference.path.split("/")):
        raise ReferenceRefused("a reference's path has no empty parts, `.` or `..`")
    if reference.source in _NEED_FIELD and not reference.field:
        raise ReferenceRefused(f"a reference to {reference.source} ends in `#` and a field")
    return reference


def check_allowed(reference: Reference, patterns: Iterable[str], *, org: str) -> None:
    """Whether an organisation may use a reference.

    Args:
        patterns: as in the setting, such as ``vault:kv/data/{org}/*``.
        org: the organisation's short name.

    Raises:
        ReferenceRefused: no pattern covers it.
    """
    if reference.source == OWN:
        return
    place = f"{reference.source}:{reference.path}"
    named = re.sub(r"([*?\[])", r"[\1]", org)
    if not any(fnmatchcase(place, pattern.replace("{org}", named)) for pattern in patterns):
        raise ReferenceRefused(
            f"`{place}` is not among what OPSRAIL_SECRETS_REFERENCES lets this organisation refer to"
        )
