"""Who asks for an action, as policies see them. Made by routes, the ``requests`` worker and flows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from opsrail.auth.principal import Principal, Scope

Kind = Literal["user", "token", "machine", "agent", "playbook", "incident", "system"]
Via = Literal["api", "dispatch", "bus", "flow"]

WRITER = "writer"
"""Role of whoever holds the scope ``write``, so may ask for actions at all."""

IMPLIED: dict[str, frozenset[str]] = {
    "admin": frozenset({"operator", "approver", WRITER, "viewer"}),
    "operator": frozenset({WRITER, "viewer"}),
    "approver": frozenset({"viewer"}),
    WRITER: frozenset({"viewer"}),
}
"""Built-in roles that a built-in role includes."""

_KINDS: dict[str, Kind] = {
    "user": "user",
    "token": "token",
    "machine": "machine",
    "agent": "agent",
    "core": "playbook",
    "playbook": "playbook",
    "incident": "incident",
}


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Somebody, or something, that wants an action done.

    Attributes:
        id: as written in the trail: ``token:<uuid>``, ``agent:<id>`` …
        person: the ``user:<uuid>`` behind it, where there is one.
        roles: built-in and custom roles, those included by others too.
    """

    id: str
    kind: Kind
    via: Via
    person: str | None = None
    roles: frozenset[str] = field(default_factory=frozenset)

    @property
    def name(self) -> str:
        """The id without its kind."""
        return self.id.partition(":")[2] or self.id

    @classmethod
    def of(cls, principal: Principal, via: Via = "api") -> "Asker":
        """The caller of a request."""
        roles = principal.roles | ({WRITER} if principal.may(Scope.WRITE) else frozenset())
        return cls(
            id=principal.id,
            kind=_kind(principal.id),
            via=via,
            person=principal.person,
            roles=with_implied(roles),
        )

    @classmethod
    def named(cls, ident: str, via: Via) -> "Asker":
        """One that has no roles: an agent, a playbook, a loop of ours."""
        return cls(id=ident, kind=_kind(ident), via=via)


def with_implied(roles: Iterable[str]) -> frozenset[str]:
    """``roles`` and those that they include."""
    given = frozenset(roles)
    return given.union(*(IMPLIED.get(role, frozenset()) for role in given))


def _kind(ident: str) -> Kind:
    return _KINDS.get(ident.partition(":")[0], "system")
