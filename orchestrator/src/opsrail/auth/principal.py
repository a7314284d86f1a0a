"""The caller of a request, and the scopes that routes ask for."""

import uuid
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a token may do. Each scope includes the ones before it."""

    READ = "read"
    WRITE = "write"
    OPERATE = "operate"
    ADMIN = "admin"


_RANK = {scope: rank for rank, scope in enumerate(Scope)}


@dataclass(frozen=True)
class Principal:
    """An authenticated caller within one organisation."""

    org_id: uuid.UUID
    org_slug: str
    id: str
    """``token:<uuid>``; written as requester and in the audit trail."""
    name: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        return any(_RANK[held] >= _RANK[scope] for held in self.scopes)
