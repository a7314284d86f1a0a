"""API shapes of secrets. Values go in and never come out."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Value = Annotated[SecretStr, Field(min_length=1, max_length=65_536)]


class SecretReference(BaseModel):
    """Where a secret is kept instead, such as `{"$ref": "vault:kv/data/app#password"}`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    ref: str = Field(
        alias="$ref",
        max_length=800,
        description="`secret:<name>`, `env:<NAME>`, `vault:<mount>/data/<path>#<field>`, `aws:<id or ARN>#<field>` or"
        " `kubernetes:<namespace>/<name>#<key>`; followed at the moment of use",
    )


class SecretPut(BaseModel):
    """A value, or where to find it."""

    model_config = ConfigDict(extra="forbid")

    value: Value | SecretReference


class SecretView(BaseModel):
    name: str
    kind: Literal["value", "reference"]
    reference: str | None
    version: int = Field(description="Counts the times it was set")
    updated_by: str
    created_at: datetime
    updated_at: datetime


class RootView(BaseModel):
    """The root key and how many data keys hang on it."""

    root: str = Field(description="The version that wraps data keys now")
    keys: int = Field(description="Data keys there are")
    stale: int = Field(description="Data keys that an older version wraps: it may not be taken away yet")
