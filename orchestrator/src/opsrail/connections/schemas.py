"""API shapes of connections. Secrets go in and never come out."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from opsrail.secrets.schemas import SecretReference, Value

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._/-]{0,99}$")]
HookSecret = Annotated[SecretStr, Field(min_length=16, max_length=512)]
Secrets = dict[str, Value | SecretReference]


class KindView(BaseModel):
    kind: str
    title: str
    hooks: bool
    """Whether it sends webhooks to us."""
    settings_schema: dict[str, Any]
    secret_fields: dict[str, str]
    """Field to what it is."""
    free_secrets: bool
    """Whether secrets of other names are taken too."""


class KindList(BaseModel):
    items: list[KindView]
    next: None = None


class ConnectionCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: str = Field(max_length=40)
    name: Name
    settings: dict[str, Any] = Field(default_factory=dict)
    secrets: Secrets = Field(default_factory=dict)
    secret: HookSecret | None = Field(
        default=None, description="What the sender signs webhooks with, where it chose that itself; else we do."
    )


class SecretRotation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    secret: HookSecret | None = Field(default=None, description="As at creation.")


class ConnectionPatch(BaseModel):
    """What is left out stays as it is; ``settings`` is replaced whole; a secret of null is removed."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    settings: dict[str, Any] | None = None
    secrets: dict[str, Value | SecretReference | None] = Field(default_factory=dict)


class ConnectionView(BaseModel):
    id: uuid.UUID
    kind: str
    name: str
    settings: dict[str, Any]
    secrets_set: list[str]
    hook_url: str | None
    """Where the outside system sends its webhooks."""
    created_at: datetime
    updated_at: datetime


class ConnectionWithSecret(ConnectionView):
    secret: str | None
    """What we made for the sender's webhook settings; shown this once. Null where the sender's own was given."""
