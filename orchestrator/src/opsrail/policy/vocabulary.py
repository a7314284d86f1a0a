"""The Cedar schema of an organisation, derived from the manifests of its agents. Pure.

Policies are validated against it, so a misspelt attribute or an action that no agent has is found before a policy
takes effect. Each group of actions has a member of the agent ``any``, which stands for actions still to come.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from opsrail.policy.question import PRINCIPALS
from opsrail_sdk.contracts.manifest import Risk

Json = dict[str, Any]

ANY = "any"

_STRING: Json = {"type": "String"}
_LONG: Json = {"type": "Long"}
_BOOLEAN: Json = {"type": "Boolean"}
_OPTIONAL_LONG: Json = {"type": "Long", "required": False}

TARGET: Json = {
    "kind": _STRING,
    "name": _STRING,
    "agent": _STRING,
    "environment": _STRING,
    "production": _BOOLEAN,
    "protected": _BOOLEAN,
}
CONTEXT: Json = {
    "environment": _STRING,
    "risk": _STRING,
    "dry_run": _BOOLEAN,
    "declared": _BOOLEAN,
    "requested_via": _STRING,
    "hour": _LONG,
    "weekday": _LONG,
    "recent_failures": _LONG,
    "claims": {"type": "Set", "element": _STRING},
    "blast_radius": _OPTIONAL_LONG,
    "change_size": _OPTIONAL_LONG,
    "cost": {"type": "Extension", "name": "decimal", "required": False},
}


def schema(actions: Iterable[tuple[str, str, Risk | str]]) -> Json:
    """The schema for these actions, each as agent, action and risk."""
    everything = [*((ANY, str(risk), risk) for risk in Risk), *actions]
    groups = {f"risk:{risk}" for risk in Risk} | {f"agent:{agent}" for agent, _, _ in everything}
    return {
        "": {
            "entityTypes": {
                "Role": {},
                "Target": {"shape": _record(TARGET), "tags": _STRING},
                **{
                    kind: {
                        "memberOfTypes": ["Role"],
                        "shape": _record({"person": {"type": "String", "required": False}}),
                    }
                    for kind in PRINCIPALS.values()
                },
            },
            "actions": {
                **{group: {} for group in sorted(groups)},
                **{f"{agent}.{name}": _action(agent, risk) for agent, name, risk in everything},
            },
        }
    }


def of_manifests(manifests: Iterable[Mapping[str, Any]]) -> Json:
    """The schema of an organisation with these agents installed."""
    return schema(
        (manifest["id"], spec["name"], spec["risk"]) for manifest in manifests for spec in manifest.get("actions", ())
    )


def _action(agent: str, risk: Risk | str) -> Json:
    return {
        "memberOf": [{"id": f"risk:{risk}"}, {"id": f"agent:{agent}"}],
        "appliesTo": {
            "principalTypes": list(PRINCIPALS.values()),
            "resourceTypes": ["Target"],
            "context": _record(CONTEXT),
        },
    }


def _record(attributes: Json) -> Json:
    return {"type": "Record", "attributes": attributes}
