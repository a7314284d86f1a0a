"""Tables of organisations, people, tokens, sessions and machines."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, FetchedValue, ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from opsrail.db.base import Base, Created

_ORG = "organisations.org_id"
_USER = "users.id"


class Organisation(Created, Base):
    __tablename__ = "organisations"

    org_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    agents_removed: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=FetchedValue())


class User(Created, Base):
    """A person, whatever the organisation. Only ``across`` sessions change it."""

    __tablename__ = "users"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]


class Password(Base):
    """Argon2id hash of a person with a local account; only ``across`` sessions see it."""

    __tablename__ = "passwords"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(_USER), primary_key=True)
    hash: Mapped[str]
    changed_at: Mapped[datetime]


class Membership(Created, Base):
    """A person in an organisation. With ``provider_id`` the roles are the identity provider's, renewed at login."""

    __tablename__ = "memberships"

    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(_ORG), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(_USER), primary_key=True)
    roles: Mapped[list[str]]
    provider_id: Mapped[uuid.UUID | None]
    suspended_at: Mapped[datetime | None]


class CustomRole(Created, Base):
    __tablename__ = "roles"

    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(_ORG), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    scopes: Mapped[list[str]]
    parent: Mapped[str | None]


class IdentityProvider(Created, Base):
    """An OpenID provider that an organisation trusts for its own members."""

    __tablename__ = "identity_providers"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(_ORG))
    name: Mapped[str]
    title: Mapped[str]
    issuer: Mapped[str]
    client_id: Mapped[str]
    sealed_client_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]]
    groups_claim: Mapped[str]
    role_of_group: Mapped[dict[str, Any]]
    default_roles: Mapped[list[str]]
    email_domains: Mapped[list[str]]
    enabled: Mapped[bool]


class Identity(Created, Base):
    """Whom a provider's subject is."""

    __tablename__ = "identities"

    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(_ORG))
    provider_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(_USER))


class BrowserSession(Created, Base):
    """A login. One that came through a provider is good for the provider's organisation alone."""

    __tablename__ = "sessions"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(_ORG))
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(_USER))
    provider_id: Mapped[uuid.UUID | None]
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    address: Mapped[str]
    user_agent: Mapped[str]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Invitation(Created, Base):
    __tablename__ = "invitations"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(_ORG))
    email: Mapped[str]
    roles: Mapped[list[str]]
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_by: Mapped[str]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Token(Created, Base):
    """An API token; with an owner it may never do more than its owner."""

    __tablename__ = "tokens"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(_ORG))
    name: Mapped[str]
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]]
    owner_id: Mapped[uuid.UUID | None]
    created_by: Mapped[str]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class Machine(Created, Base):
    """A machine identity, which signs its requests with AWS Signature Version 4."""

    __tablename__ = "machines"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(_ORG))
    name: Mapped[str]
    access_key_id: Mapped[str] = mapped_column(unique=True)
    sealed_secret: Mapped[bytes] = mapped_column(LargeBinary)
    roles: Mapped[list[str]]
    owner_id: Mapped[uuid.UUID | None]
    created_by: Mapped[str]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
