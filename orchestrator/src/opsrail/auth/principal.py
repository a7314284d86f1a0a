"""The caller of a request, and the scopes that routes ask for."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Scope(StrEnum):
    """What a caller may do.

    ``read < write < operate < admin``: each includes the ones before it. ``approve`` stands beside that ladder and
    is included in ``admin`` alone.
    """

    READ = "read"
    WRITE = "write"
    OPERATE = "operate"
    ADMIN = "admin"
    APPROVE = "approve"


_INCLUDED = {
    Scope.READ: frozenset({Scope.READ}),
    Scope.WRITE: frozenset({Scope.READ, Scope.WRITE}),
    Scope.OPERATE: frozenset({Scope.READ, Scope.WRITE, Scope.OPERATE}),
    Scope.ADMIN: frozenset(Scope),
    Scope.APPROVE: frozenset({Scope.APPROVE}),
}


def included(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """``scopes`` and all that they include."""
    return frozenset[Scope]().union(*(_INCLUDED[scope] for scope in scopes))


class Kind(StrEnum):
    """How a caller proved who it is, or which part of the product acts."""

    TOKEN = "token"  # noqa: S105 (a word, no secret)
    USER = "user"
    MACHINE = "machine"
    AGENT = "agent"
    SYSTEM = "system"


@dataclass(frozen=True)
class Principal:
    """An authenticated caller within one organisation.

    Attributes:
        id: ``token:<uuid>``, ``user:<uuid>`` or ``machine:<uuid>``; written as requester and in the audit trail.
        scopes: what it may do at most; for a token of a person never more than the person may at this moment.
        person: ``user:<uuid>`` of the human behind it, for a token its owner; ``None`` where there is none.
        roles: names of roles held, the built-in parents of custom ones included; policies and approvals ask for them.
        session: the browser session it came with, where it did.
    """

    org_id: uuid.UUID
    org_slug: str
    id: str
    name: str
    scopes: frozenset[Scope]
    kind: Kind = Kind.TOKEN
    person: str | None = None
    roles: frozenset[str] = field(default_factory=frozenset)
    session: uuid.UUID | None = None

    def may(self, scope: Scope) -> bool:
        return scope in included(self.scopes)

    @property
    def counts_as(self) -> str:
        """Whom it counts as where two different people are asked for: the person, or itself."""
        return self.person or self.id
