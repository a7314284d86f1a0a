"""Declarative base: naming convention, UTC times, and the columns every table shares."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, MetaData, Uuid, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of all tables. ``datetime`` is ``timestamptz``, ``dict`` is ``jsonb``."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads the plain attribute)
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[str]: JSONB,
    }


class OrgScoped:
    """Mixin: the organisation a row belongs to; row-level security compares it."""

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, index=False)


class Created:
    """Mixin: when the row was made, UTC."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
