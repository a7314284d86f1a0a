"""What an agent says about itself. Derived from its code by ``opsrail_sdk.agent``, read at install.

It answers what an operator asks before installing: what it does, how risky each verb is, what it may touch.
"""

import hashlib
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

CONTRACT_VERSION = 1
"""Version of these contracts. An agent built for a later one is refused at install."""

AgentId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
VerbName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
JsonSchema = dict[str, Any]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Risk(StrEnum):
    """What an action can do to the outside world; policy is written against it."""

    READ = "read"
    WRITE = "write"
    DESTRUCTIVE = "destructive"


class Maturity(StrEnum):
    """What an operator may expect: ``alpha`` may change, ``beta`` is complete, ``stable`` is proven."""

    ALPHA = "alpha"
    BETA = "beta"
    STABLE = "stable"


class ActionSpec(Model):
    """One verb. ``idempotent`` decides what happens after a crash: run again, or stop at ``interrupted``."""

    name: VerbName
    title: str
    description: str = ""
    risk: Risk
    idempotent: bool
    dry_run: bool = False
    undo: VerbName | None = None
    timeout: timedelta = timedelta(minutes=10)
    max_attempts: int = Field(default=3, ge=1, le=100)
    input_schema: JsonSchema
    output_schema: JsonSchema


class QuerySpec(Model):
    """One read. Answers are cached for ``cache`` by the orchestrator; zero means never."""

    name: VerbName
    title: str
    description: str = ""
    timeout: timedelta = timedelta(seconds=10)
    cache: timedelta = timedelta(0)
    input_schema: JsonSchema
    output_schema: JsonSchema


class SubscriptionSpec(Model):
    """Events that the agent listens to: exact types, or prefixes that end in ``.*``."""

    name: VerbName
    description: str = ""
    types: tuple[str, ...] = Field(min_length=1)


class ScheduleSpec(Model):
    """A function that one living instance runs every so often."""

    name: VerbName
    description: str = ""
    every: timedelta


class Permission(Model):
    """Something outside the bus that the agent wants to reach, and why, in an operator's words."""

    name: str
    reason: str


class Panel(Model):
    """A dashboard panel: a query whose answer is drawn. ``rows`` names the list in the answer."""

    id: VerbName
    title: str
    kind: Literal["table", "timeseries", "stat", "json"]
    query: VerbName
    input: dict[str, Any] = Field(default_factory=dict)
    rows: str | None = None
    columns: tuple[str, ...] = ()


class Manifest(Model):
    """The whole agent, as data."""

    contract: int = CONTRACT_VERSION
    id: AgentId
    title: str
    description: str
    version: str
    owner: str
    maturity: Maturity
    module: str
    """Python package that ``python -m`` runs."""
    permissions: tuple[Permission, ...] = ()
    connections: tuple[str, ...] = ()
    """Kinds of connections whose credentials it may ask for."""
    requests: tuple[str, ...] = ()
    """Runs that it may ask for itself, as ``agent.action``."""
    emits: tuple[str, ...] = ()
    actions: tuple[ActionSpec, ...] = ()
    queries: tuple[QuerySpec, ...] = ()
    subscriptions: tuple[SubscriptionSpec, ...] = ()
    schedules: tuple[ScheduleSpec, ...] = ()
    panels: tuple[Panel, ...] = ()
    config_schema: JsonSchema

    def action(self, name: str) -> ActionSpec | None:
        return next((spec for spec in self.actions if spec.name == name), None)

    def query(self, name: str) -> QuerySpec | None:
        return next((spec for spec in self.queries if spec.name == name), None)

    def event_types(self) -> tuple[str, ...]:
        """Every type or prefix that some subscription listens to, once."""
        return tuple(dict.fromkeys(kind for spec in self.subscriptions for kind in spec.types))

    def digest(self) -> str:
        """SHA-256 of the canonical manifest, hex; tells one build's contract from another's."""
        body = orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(body).hexdigest()
