"""API shapes of agents."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class InstanceView(BaseModel):
    instance: str
    state: str
    version: str
    started_at: datetime
    in_flight: int


class Backlog(BaseModel):
    """What waits for the agent or is in work; null while the bus is away."""

    events: int | None
    actions: int | None


class AgentView(BaseModel):
    id: str
    title: str
    version: str
    state: Literal["installed", "enabled", "disabled", "degraded", "failed"]
    enabled: bool
    runtime: str
    module: str
    instances: list[InstanceView]
    manifest: dict[str, Any]
    backlog: Backlog
    error: str | None
    upgrading: bool
    installed_at: datetime
    updated_at: datetime


class AgentList(BaseModel):
    items: list[AgentView]
    next: None = None


class OfferView(BaseModel):
    id: str
    module: str
    version: str
    installed: bool


class Catalogue(BaseModel):
    items: list[OfferView]
    next: None = None


class AgentInstall(BaseModel):
    """By ``module`` for a package that is present here; by ``manifest`` for one that runs elsewhere."""

    model_config = ConfigDict(extra="forbid")

    module: str | None = Field(default=None, max_length=200)
    manifest: dict[str, Any] | None = None
    runtime: str = Field(
        default="process", max_length=40, description="`process`: started by the agent host; `external`: elsewhere"
    )
    config: dict[str, Any] = Field(default_factory=dict)


class AgentEnable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    backlog: Literal["replay", "skip"] = "replay"
    """What to do with events that arrived while it was disabled."""


class AgentUpgrade(BaseModel):
    model_config = ConfigDict(extra="forbid")

    module: str | None = Field(default=None, max_length=200)
    manifest: dict[str, Any] | None = None


class ConfigPut(BaseModel):
    model_config = ConfigDict(extra="forbid")

    config: dict[str, Any]


class ConfigView(BaseModel):
    config: dict[str, Any]
    config_schema: dict[str, Any]


class QueryRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    input: dict[str, Any] = Field(default_factory=dict)


class QueryAnswer(BaseModel):
    output: dict[str, Any]
    cached: bool
    age_seconds: float
    """How old the answer is; 0 for a fresh one."""
