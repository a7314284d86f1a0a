"""API shapes of logins and sessions."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from opsrail.auth.passwords import LONGEST
from opsrail.auth.principal import Kind, Scope

Email = Annotated[
    str,
    Field(min_length=3, max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$", description="Case makes no difference"),
    AfterValidator(str.lower),
]
PasswordText = Annotated[SecretStr, Field(min_length=1, max_length=LONGEST)]


class Login(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email
    password: PasswordText
    organisation: str | None = Field(
        default=None, max_length=64, description="Slug of the organisation to enter; left out, the one joined first"
    )


class ProviderOption(BaseModel):
    id: uuid.UUID
    title: str
    start: str = Field(description="Where to send the browser")


class LoginOptions(BaseModel):
    """How one can log in to an organisation."""

    password: bool = True
    providers: list[ProviderOption]


class OrganisationRef(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    org_id: uuid.UUID
    slug: str
    title: str


class SessionView(BaseModel):
    """Who the caller is; for a browser session also the CSRF token that unsafe requests must carry."""

    principal: str = Field(description="`user:<uuid>`, `token:<uuid>` or `machine:<uuid>`")
    kind: Kind
    person: str | None
    name: str
    email: str | None
    org_id: uuid.UUID
    org: str
    scopes: list[Scope]
    roles: list[str]
    organisations: list[OrganisationRef] = Field(
        description="Those that this login opens; see `/session/organisation`"
    )
    csrf_token: str | None = Field(description="To send as `X-CSRF-Token`; null for callers without a cookie")
    expires_at: datetime | None = Field(description="When the session ends at the latest")


class SessionSwitch(BaseModel):
    model_config = ConfigDict(extra="forbid")

    organisation: str = Field(max_length=64, description="Slug of another organisation that the login opens")


class PasswordChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    old: PasswordText
    new: PasswordText


class SessionItem(BaseModel):
    """One of the caller's own sessions."""

    id: uuid.UUID
    current: bool
    address: str
    user_agent: str
    created_at: datetime
    seen_at: datetime = Field(description="Within a minute of its last use")
    expires_at: datetime
