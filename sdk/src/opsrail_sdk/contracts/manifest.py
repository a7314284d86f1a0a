"""What an agent says about itself. Derived from its code by ``opsrail_sdk.agent``, read at install.

It answers what an operator asks before installing: what it does, how risky each verb is, what it may touch.
"""

import hashlib
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

CONTRACT_VERSION = 1
"""Version of these contracts. An agent built for a later one is refused at install."""

AgentId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
VerbName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Wanted = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}\.[a-z][a-z0-9_]{0,63}$")]
"""``agent.action``."""
JsonSchema = dict[str, Any]

_LONGEST = timedelta(days=366)
_LONGEST_QUERY = timedelta(minutes=10)
"""As long as the bus keeps the way back open; see ``contracts.access``."""


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
    timeout: timedelta = Field(default=timedelta(minutes=10), gt=timedelta(0), le=_LONGEST)
    max_attempts: int = Field(default=3, ge=1, le=100)
    input_schema: JsonSchema
    output_schema: JsonSchema


class QuerySpec(Model):
    """One read. Answers are cached for ``cache`` by the orchestrator; zero means never."""

    name: VerbName
    title: str
    description: str = ""
    timeout: timedelta = Field(default=timedelta(seconds=10), gt=timedelta(0), le=_LONGEST_QUERY)
    cache: timedelta = Field(default=timedelta(0), ge=timedelta(0), le=_LONGEST)
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
    every: timedelta = Field(gt=timedelta(0), le=_LONGEST)


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

    contract: int = Field(default=CONTRACT_VERSION, ge=1, strict=True)
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
    requests: tuple[Wanted, ...] = ()
    """Runs that it may ask for itself."""
    emits: tuple[str, ...] = ()
    actions: tuple[ActionSpec, ...] = ()
    queries: tuple[QuerySpec, ...] = ()
    subscriptions: tuple[SubscriptionSpec, ...] = ()
    schedules: tuple[ScheduleSpec, ...] = ()
    panels: tuple[Panel, ...] = ()
    config_schema: JsonSchema

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        for group in (self.actions, self.queries, self.subscriptions, self.schedules):
            names = [verb.name for verb in group]
            if len(names) != len(set(names)):
                raise ValueError(f"a name is used twice among {names}")
        known = {verb.name for verb in self.actions}
        for verb in self.actions:
            if verb.undo and verb.undo not in known:
                raise ValueError(f"{verb.name} is undone by unknown {verb.undo}")
        return self

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
