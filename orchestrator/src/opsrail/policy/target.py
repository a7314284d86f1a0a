"""What an action acts on, read from its input. Pure; called by ``gate`` for each wish.

Inputs are the agents' own, so the target is found by keys that they have in common:

* **name and kind**: the values under ``_KINDS``, from the widest to the narrowest, joined by ``/``; the narrowest
  names the kind. ``{"cluster": "eu", "namespace": "pay", "service": "api"}`` is the service ``eu/pay/api``. A
  ``target`` that is an object is read as if its keys stood beside it.
* **environment**: ``environment``, ``env`` or ``stage``, else the label of that name, else what the caller claims,
  else a word in the name of the cluster, namespace, account, stack or workspace. Short forms are spelt out
  (``prod`` → ``production``). It is ``""`` where nothing tells.
* **production**: whether *any* of these says so. A caller that claims ``staging`` for a production cluster gains
  nothing.
* **labels**: ``labels`` and ``tags``, as an object, as ``[{"Key", "Value"}]`` or as a list of words.
* **protected**: ``protected`` in the input, in a label or in the claims.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from opsrail.policy.claims import NONE, Claims

_KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("account", ("account", "account_id", "subscription", "project_id")),
    ("cluster", ("cluster", "cluster_name")),
    ("namespace", ("namespace",)),
    ("stack", ("stack",)),
    ("workspace", ("workspace",)),
    ("repository", ("repository", "repo")),
    ("image", ("image",)),
    ("database", ("database",)),
    ("bucket", ("bucket",)),
    ("host", ("host", "hostname", "node")),
    ("instance", ("instance", "instance_id")),
    ("resource", ("resource", "resource_id", "resource_name", "arn")),
    ("application", ("application", "app")),
    ("service", ("service", "service_name", "deployment", "workload")),
    ("pod", ("pod",)),
    ("container", ("container", "container_id", "container_name")),
    ("target", ("target",)),
)
_ENVIRONMENT = ("environment", "env", "stage", "deployment_environment", "deployment.environment.name")
_TELLING = ("account", "cluster", "namespace", "stack", "workspace")
"""Kinds whose names are commonly made of the environment's."""
_CANONICAL = {
    "prod": "production",
    "prd": "production",
    "live": "production",
    "production": "production",
    "stg": "staging",
    "stage": "staging",
    "staging": "staging",
    "dev": "development",
    "development": "development",
    "test": "test",
    "testing": "test",
    "qa": "test",
}
_NOT = frozenset({"non", "not", "pre", "no"})
_PROTECTED = frozenset({"protected", "do-not-touch", "donottouch", "opsrail.io/protected", "opsrail:protected"})
_FALSE = frozenset({"false", "no", "0", "off"})
_LONGEST = 256
_MOST_LABELS = 64

Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Target:
    """The thing acted on. ``kind`` is ``none`` where the input names nothing."""

    kind: str
    name: str
    environment: str
    production: bool
    protected: bool
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.kind}/{self.name}"


def target_of(values: Values, claims: Claims = NONE) -> Target:
    """The target of an action with this input, and with these claims of its caller."""
    merged = _merged(values)
    named = dict(_named(merged))
    labels = _labels(merged)
    told = [*_told(merged), *(labels[key] for key in _ENVIRONMENT if key in labels)]
    told += [claims.environment] if claims.environment else []
    telling = [named[kind] for kind in _TELLING if kind in named]
    environment = next((_canonical(text) for text in told), "") or next(filter(None, map(_hinted, telling)), "")
    return Target(
        kind=next(reversed(named), "none"),
        name="/".join(named.values())[:_LONGEST],
        environment=environment[:_LONGEST],
        production=any(_hinted(text) == "production" for text in (*told, *telling)),
        protected=claims.protected or merged.get("protected") is True or any(map(_protects, labels.items())),
        labels=labels,
    )


def _merged(values: Values) -> Values:
    target = values.get("target")
    if not isinstance(target, Mapping):
        return values
    inner = {str(key): value for key, value in target.items()}
    kind, name = inner.get("kind"), inner.get("name")
    if isinstance(name, str):
        inner[kind if isinstance(kind, str) and kind in dict(_KINDS) else "target"] = name
    return {**inner, **{key: value for key, value in values.items() if key != "target"}}


def _named(values: Values) -> Iterator[tuple[str, str]]:
    for kind, keys in _KINDS:
        found = next((text for key in keys if (text := _text(values.get(key)))), None)
        if found:
            yield kind, found


def _told(values: Values) -> list[str]:
    return [text for key in _ENVIRONMENT if (text := _text(values.get(key)))]


def _text(value: Any) -> str:
    return str(value)[:_LONGEST] if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _canonical(text: str) -> str:
    return _CANONICAL.get(text.strip().lower(), text.strip().lower())


def _hinted(text: str) -> str:
    """The environment that a word of ``text`` stands for; ``non-prod`` and ``preprod`` stand for none."""
    words = re.split(r"[^a-z0-9]+", text.lower())
    found = [
        _CANONICAL[word]
        for before, word in zip(("", *words), words, strict=False)
        if word in _CANONICAL and before not in _NOT
    ]
    return "production" if "production" in found else next(iter(found), "")


def _labels(values: Values) -> dict[str, str]:
    found: dict[str, str] = {}
    for key in ("labels", "tags"):
        found.update(_pairs(values.get(key)))
    return dict(list(found.items())[:_MOST_LABELS])


def _pairs(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)[:_LONGEST].lower(), _label(item)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, str):
                key, _, rest = item.partition("=") if "=" in item else item.partition(":")
                yield key[:_LONGEST].lower(), rest[:_LONGEST] or "true"
            elif isinstance(item, Mapping):
                lower = {str(key).lower(): part for key, part in item.items()}
                yield str(lower.get("key", ""))[:_LONGEST].lower(), _label(lower.get("value"))


def _label(value: Any) -> str:
    return "true" if value is None or value is True else str(value)[:_LONGEST]


def _protects(label: tuple[str, str]) -> bool:
    key, value = label
    return key in _PROTECTED and value.strip().lower() not in _FALSE
