"""Row-level security, by straight SQL as the application: every table, two organisations."""

import uuid

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from opsrail.db import migrate, scripts
from opsrail.db.engine import Database
from opsrail.embedded.addresses import Endpoints
from opsrail.testing.orchestrator import _admin, _named

TABLES = """
    SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, pg_get_userbyid(c.relowner) AS owner
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname <> 'alembic_version' AND NOT c.relispartition
"""
REACHED = """
    SELECT c.relname, privilege FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
      unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) AS privilege
    WHERE n.nspname = 'public' AND c.relispartition AND c.relkind = 'r' AND has_table_privilege(%s, c.oid, privilege)
"""


WITHOUT_ORGANISATION = {
    "users": "one person can be a member of several organisations; the application sees fellow members, read-only",
    "passwords": "belong to the person, not to an organisation; the application cannot read them at all",
}


async def test_every_table_is_fenced_and_owned_by_another_role(database: Database) -> None:
    async with database.across() as session:
        tables = (await session.execute(text(TABLES))).all()
    assert len(tables) >= 4
    assert [table.relname for table in tables if not (table.relrowsecurity and table.relforcerowsecurity)] == []
    assert {table.owner for table in tables} == {"opsrail"}


async def test_what_the_application_sees_of_a_table_depends_on_its_organisation(database: Database) -> None:
    """No policy for the application is wider than its organisation, for reading or for writing."""
    policies = """
        SELECT tablename, policyname, qual, with_check FROM pg_policies
        WHERE schemaname = 'public' AND roles && '{opsrail_app,public}'::name[]
    """
    async with database.across() as session:
        found = (await session.execute(text(policies))).all()
    assert len(found) >= 20
    wide = [
        f"{policy.tablename}.{policy.policyname}"
        for policy in found
        for condition in {policy.qual, policy.with_check} - {None}
        if "current_setting('app.org_id'" not in condition
    ]
    assert wide == []


async def test_a_partition_is_reached_through_its_fenced_table_alone(database: Database) -> None:
    async with database.raw_across() as connection:
        application = await (await connection.execute(REACHED, ["opsrail_app"])).fetchall()
        worker = await (await connection.execute(REACHED, ["opsrail_worker"])).fetchall()
    assert application == []
    assert {privilege for _, privilege in worker} == {"INSERT"}


async def test_every_table_has_an_organisation(database: Database) -> None:
    async with database.across() as session:
        tables = {table.relname for table in (await session.execute(text(TABLES))).all()}
        with_org = set(
            (
                await session.execute(
                    text("SELECT table_name FROM information_schema.columns WHERE column_name = 'org_id'")
                )
            ).scalars()
        )
    assert tables - with_org == set(WITHOUT_ORGANISATION)


async def test_the_application_is_no_superuser(database: Database) -> None:
    async with database.engine.connect() as connection:
        role = (
            await connection.execute(
                text("SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user")
            )
        ).one()
    assert not any(role)


async def test_one_organisation_never_sees_or_touches_anothers_rows(database: Database) -> None:
    ours, theirs = uuid.uuid4(), uuid.uuid4()
    async with database.across() as session:
        for org in (ours, theirs):
            await session.execute(
                text("INSERT INTO organisations (org_id, slug, title) VALUES (:org, :slug, 't')"),
                {"org": org, "slug": str(org)},
            )
    async with database.organisation(ours) as session:
        seen = (await session.execute(text("SELECT org_id FROM organisations"))).scalars().all()
        assert seen == [ours]
        touched = await session.execute(
            text("UPDATE organisations SET title = 'x' WHERE org_id = :org"), {"org": theirs}
        )
        assert touched.rowcount == 0  # type: ignore[attr-defined]
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.organisation(ours) as session:
            await session.execute(
                text(
                    "INSERT INTO tokens (id, org_id, name, secret_hash, scopes, created_by)"
                    " VALUES (gen_random_uuid(), :org, 'x', '', '[]', 'x')"
                ),
                {"org": theirs},
            )


async def test_without_an_organisation_nothing_is_seen(database: Database) -> None:
    async with database.across() as session:
        await session.execute(text("INSERT INTO organisations (slug, title) VALUES ('a', 'a')"))
    async with database.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM organisations"))).scalar() == 0


def test_migrations_go_down_and_up_again(endpoints: Endpoints, admin_url: str) -> None:
    name = f"m_{uuid.uuid4().hex}"
    _admin(admin_url, f'CREATE DATABASE "{name}" OWNER opsrail')
    url = _named(endpoints.migration_url, name)
    try:
        migrate.upgrade(url)
        before = _shape(url)
        migrate.downgrade(url, "base")
        assert _shape(url) == set()
        migrate.upgrade(url)
        assert _shape(url) == before
    finally:
        _admin(admin_url, f'DROP DATABASE "{name}" WITH (FORCE)')


def test_the_newest_revision_is_told_from_the_names(endpoints: Endpoints, admin_url: str) -> None:
    name = f"m_{uuid.uuid4().hex}"
    _admin(admin_url, f'CREATE DATABASE "{name}" OWNER opsrail')
    url = _named(endpoints.migration_url, name)
    try:
        assert not scripts.up_to_date(url)
        migrate.upgrade(url)
        assert scripts.up_to_date(url)
        migrate.downgrade(url, "-1")
        assert not scripts.up_to_date(url)
        _admin(url, "UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(scripts.UnknownRevisionError, match="revision 9999, of a later version"):
            scripts.up_to_date(url)
    finally:
        _admin(admin_url, f'DROP DATABASE "{name}" WITH (FORCE)')


def _shape(url: str) -> set[tuple[str, str, str]]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT table_name, column_name, data_type FROM information_schema.columns"
                    " WHERE table_schema = 'public' AND table_name <> 'alembic_version'"
                )
            )
            return {(row[0], row[1], row[2]) for row in rows}
    finally:
        engine.dispose()
