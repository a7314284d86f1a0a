"""Roles: named sets of scopes. Pure; ``Authenticator`` and ``organisations.service`` call it.

The four built-in ones exist in every organisation and cannot be changed. A custom role has scopes of its own and a
built-in parent, which policies see as well: ``Role::"release-manager" in Role::"approver"``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from opsrail.auth.principal import Scope, included


@dataclass(frozen=True)
class Role:
    name: str
    scopes: frozenset[Scope]
    parent: str | None = None


VIEWER, OPERATOR, APPROVER, ADMIN = "viewer", "operator", "approver", "admin"

BUILT_IN: Mapping[str, Role] = {
    VIEWER: Role(VIEWER, frozenset({Scope.READ})),
    OPERATOR: Role(OPERATOR, frozenset({Scope.OPERATE})),
    APPROVER: Role(APPROVER, frozenset({Scope.READ, Scope.APPROVE})),
    ADMIN: Role(ADMIN, frozenset({Scope.ADMIN})),
}


def scopes_of(names: Iterable[str], custom: Mapping[str, Role]) -> frozenset[Scope]:
    """What holders of these roles may do; a name that no longer exists gives nothing."""
    known = {**custom, **BUILT_IN}
    return frozenset[Scope]().union(*(known[name].scopes for name in names if name in known))


def names_of(assigned: Iterable[str], custom: Mapping[str, Role], scopes: Iterable[Scope]) -> frozenset[str]:
    """Every role a holder counts as: the assigned, their parents, and built-in ones that ``scopes`` cover anyway."""
    known = {**custom, **BUILT_IN}
    held = {name for name in assigned if name in known}
    parents = {parent for name in held if (parent := known[name].parent)}
    return frozenset(held | parents | covered_by(scopes))


def covered_by(scopes: Iterable[Scope]) -> frozenset[str]:
    """Built-in roles that may do nothing beyond ``scopes``; the roles of a token or of a machine without others."""
    reach = included(scopes)
    return frozenset(role.name for role in BUILT_IN.values() if included(role.scopes) <= reach)
