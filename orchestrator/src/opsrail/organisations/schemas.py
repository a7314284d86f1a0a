"""API shapes of organisations and people."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, StringConstraints

from opsrail.auth.principal import Scope
from opsrail.auth.session_schemas import Email, PasswordText

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$")]
RoleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Roles = Annotated[list[RoleName], Field(min_length=1, max_length=20)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class OrganisationCreate(_Input):
    slug: Slug = Field(description="Short name, unique in this installation, for ever")
    title: Text


class OrganisationChange(_Input):
    title: Text


class OrganisationView(_View):
    org_id: uuid.UUID
    slug: str
    title: str
    created_at: datetime


class OrganisationCreated(OrganisationView):
    token: str | None = Field(
        description="The first administrator's token, shown this once; null where a person made the organisation and"
        " became its administrator"
    )


class OrganisationList(BaseModel):
    items: list[OrganisationView]


class MemberView(BaseModel):
    user_id: uuid.UUID
    person: str = Field(description="`user:<user_id>`, as requester and approver")
    email: str
    name: str
    roles: list[str]
    provider_id: uuid.UUID | None = Field(description="The identity provider that keeps the roles; null: kept here")
    suspended_at: datetime | None
    created_at: datetime


class MemberChange(_Input):
    roles: Roles | None = None
    suspended: bool | None = None


class InvitationCreate(_Input):
    email: Email
    roles: Roles


class InvitationView(_View):
    id: uuid.UUID
    email: str
    roles: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime


class InvitationCreated(InvitationView):
    token: str = Field(description="To be handed to the person; good once, shown this once")


class InvitationAccept(_Input):
    token: SecretStr = Field(max_length=200)
    password: PasswordText = Field(description="That of the person's account; for a new person the one to begin with")
    name: Text | None = Field(default=None, description="For a new person; the e-mail address where left out")


class Accepted(BaseModel):
    org_id: uuid.UUID
    org: str
    user_id: uuid.UUID
    email: str
    roles: list[str]


class RolePut(_Input):
    title: Text
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope), description="Any but `admin`")
    parent: RoleName | None = Field(
        default=None,
        description="Built-in role that policies and approvals see as well: `Role::name in Role::parent`",
    )


class RoleView(BaseModel):
    name: str
    title: str
    scopes: list[Scope]
    parent: str | None
    built_in: bool


class RoleList(BaseModel):
    items: list[RoleView]


class ProviderCreate(_Input):
    name: Slug
    title: Text
    issuer: HttpUrl = Field(description="As in its discovery document; https, http on private networks alone")
    client_id: Text
    client_secret: SecretStr | None = Field(default=None, max_length=500, description="None for a public client")
    scopes: list[Text] = Field(default=["openid", "email", "profile"], min_length=1, max_length=20)
    groups_claim: Text = Field(default="groups", description="Claim of the ID token that lists groups")
    role_of_group: dict[Text, RoleName] = Field(default={}, max_length=200)
    default_roles: list[RoleName] = Field(
        default=[], max_length=20, description="Of whoever is in none of the groups; without any they stay outside"
    )
    email_domains: list[Text] = Field(
        default=[], max_length=50, description="E-mail domains that are let in; all where empty"
    )


class ProviderChange(_Input):
    title: Text | None = None
    client_id: Text | None = None
    client_secret: SecretStr | None = Field(default=None, max_length=500)
    groups_claim: Text | None = None
    role_of_group: dict[Text, RoleName] | None = Field(default=None, max_length=200)
    default_roles: list[RoleName] | None = Field(default=None, max_length=20)
    email_domains: list[Text] | None = Field(default=None, max_length=50)
    enabled: bool | None = None


class ProviderView(_View):
    id: uuid.UUID
    name: str
    title: str
    issuer: str
    client_id: str
    scopes: list[str]
    groups_claim: str
    role_of_group: dict[str, str]
    default_roles: list[str]
    email_domains: list[str]
    enabled: bool
    created_at: datetime


class ProviderList(BaseModel):
    items: list[ProviderView]
