"""One question to the policies, whole: who wants which action on what, in which situation. Pure.

A decision keeps its question as ``document``, so a replay asks exactly what was asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from opsrail.policy.asker import Asker
from opsrail.policy.claims import Claims
from opsrail.policy.target import Target
from opsrail_sdk.contracts.manifest import Risk

Json = dict[str, Any]

PRINCIPALS = {
    "user": "User",
    "token": "Token",
    "machine": "Machine",
    "agent": "Agent",
    "playbook": "Playbook",
    "incident": "Incident",
    "system": "System",
}
"""Entity type by kind of asker."""


@dataclass(frozen=True)
class Question:
    """``document`` is plain JSON with the parts ``principal``, ``action``, ``resource`` and ``context``."""

    document: Mapping[str, Json]

    def request(self) -> Json:
        """The request as Cedar takes it."""
        return {
            "principal": {"type": PRINCIPALS[self._principal["kind"]], "id": self._principal["id"]},
            "action": {"type": "Action", "id": f"{self._action['agent']}.{self._action['name']}"},
            "resource": {"type": "Target", "id": f"{self._resource['kind']}/{self._resource['name']}"},
            "context": self._context(),
        }

    def entities(self) -> list[Json]:
        """The three entities that the request names; ancestors are told by their ids alone."""
        request = self.request()
        resource = {key: value for key, value in self._resource.items() if key != "labels"}
        person = self._principal.get("person")
        return [
            {
                "uid": request["principal"],
                "attrs": {"person": person} if person else {},
                "parents": [{"type": "Role", "id": role} for role in self._principal["roles"]],
            },
            {
                "uid": request["action"],
                "attrs": {},
                "parents": [
                    {"type": "Action", "id": f"risk:{self._action['risk']}"},
                    {"type": "Action", "id": f"agent:{self._action['agent']}"},
                ],
            },
            {"uid": request["resource"], "attrs": resource, "parents": [], "tags": self._resource["labels"]},
        ]

    @property
    def _principal(self) -> Json:
        return self.document["principal"]

    @property
    def _action(self) -> Json:
        return self.document["action"]

    @property
    def _resource(self) -> Json:
        return self.document["resource"]

    def _context(self) -> Json:
        context = {key: value for key, value in self.document["context"].items() if value is not None}
        if "cost" in context:
            context["cost"] = {"__extn": {"fn": "decimal", "arg": _decimal(context["cost"])}}
        return context


def ask(
    *,
    asker: Asker,
    agent: str,
    action: str,
    risk: Risk,
    dry_run: bool,
    declared: bool,
    target: Target,
    claims: Claims,
    recent_failures: int,
    at: datetime,
) -> Question:
    """Put a question together.

    Args:
        declared: an agent asks, and its manifest lists the action; true for every other asker.
        recent_failures: runs of this action that failed within the last hour.
        at: hour and weekday are those of UTC.
    """
    return Question(
        {
            "principal": {
                "kind": asker.kind,
                "id": asker.name,
                "person": asker.person,
                "roles": sorted(asker.roles),
            },
            "action": {"agent": agent, "name": action, "risk": str(risk)},
            "resource": {
                "kind": target.kind,
                "name": target.name,
                "agent": agent,
                "environment": target.environment,
                "production": target.production,
                "protected": target.protected,
                "labels": dict(target.labels),
            },
            "context": {
                "environment": target.environment,
                "risk": str(risk),
                "dry_run": dry_run,
                "declared": declared,
                "requested_via": asker.via,
                "hour": at.hour,
                "weekday": at.isoweekday(),
                "recent_failures": recent_failures,
                "claims": claims.further(),
                "blast_radius": claims.blast_radius,
                "change_size": claims.change_size,
                "cost": str(claims.cost) if claims.cost is not None else None,
            },
        }
    )


def moved(question: Question, *, at: datetime, recent_failures: int) -> Question:
    """The same question at another moment, as when its approval is granted."""
    context = {
        **question.document["context"],
        "hour": at.hour,
        "weekday": at.isoweekday(),
        "recent_failures": recent_failures,
    }
    return Question({**question.document, "context": context})


def _decimal(text: Any) -> str:
    """As Cedar reads it: at most four digits after the point, and at least one."""
    return f"{Decimal(str(text)):.4f}"
