"""Two organisations: every route of the OpenAPI document is called by one with the other's ids, everywhere they fit.

Whatever the answers, none tells anything of the other organisation, and no row of it changes.
"""

import hashlib
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from opsrail.pagination import Cursor
from opsrail.settings import Settings
from opsrail.stream import merged
from opsrail.stream.position import Position
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.people import anonymous, join
from opsrail.testing.played_agent import install
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import CloudEvent
from opsrail_sdk.contracts.run import RunState, RunStatus

MARK = "belongs-to-the-others"
SKIPPED = {
    "/v1/stream": "does not end; see the last test",
    "/v1/root-key/rotate": "the instance's own: wraps every organisation's data key anew, and changes nothing sealed",
    "/v1/hooks/{connection}": "takes no organisation's token: the connection's own proof is its fence",
}
TABLES = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id'
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND has_table_privilege('opsrail_worker', c.oid, 'SELECT') ORDER BY 1
"""
Operation = tuple[str, str, dict[str, Any]]


@dataclass
class Others:
    """The second organisation, full of things."""

    org_id: uuid.UUID
    client: httpx.AsyncClient
    ids: dict[str, list[str]] = field(default_factory=dict)
    """Per table, what may name a row."""

    @property
    def every_id(self) -> list[str]:
        """One or two per table, so that every kind of thing is tried on every route."""
        return sorted({ident for found in self.ids.values() for ident in found[:2]})


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Without the background loops, so that rows change by what a test does alone."""
    settings.workers = False
    return settings


@pytest.fixture
async def others(orchestrator: Orchestrator, client: httpx.AsyncClient) -> AsyncIterator[Others]:
    made = (await client.post("/v1/organisations", json={"slug": "others", "title": MARK})).json()
    async with anonymous(orchestrator) as administrator:
        administrator.headers["Authorization"] = f"Bearer {made['token']}"
        others = Others(uuid.UUID(made["org_id"]), administrator)
        await fill(orchestrator, others)
        yield others


async def fill(orchestrator: Orchestrator, others: Others) -> None:
    """A row or more in every table that can be filled over the API, and facts on the bus."""
    post = others.client.post
    await install(orchestrator, others.org_id)
    await join(others.client, "them@example.com", "admin")
    for path, body in {
        "/v1/tokens": {"name": MARK, "scopes": ["read"]},
        "/v1/machines": {"name": MARK, "roles": ["viewer"]},
        "/v1/invitations": {"email": "invited@example.com", "roles": ["viewer"]},
        "/v1/connections": {"kind": "github", "name": MARK, "settings": {}},
        "/v1/identity-providers": {"name": "corp", "title": MARK, "issuer": "http://127.0.0.1:9", "client_id": "x"},
        "/v1/runs": {"agent": "calc", "action": "drop", "input": {"a": 1, "b": 2, "note": MARK}},
    }.items():
        answer = await post(path, json=body)
        assert answer.status_code in {201, 202}, (path, answer.text)
    role = await others.client.put("/v1/roles/their-role", json={"title": MARK, "scopes": ["read"]})
    assert role.status_code == 200
    async with orchestrator.container.database.across() as session:
        tables = (await session.scalars(text(TABLES))).all()
        for table in tables:
            rows = await session.execute(
                text(f"SELECT to_jsonb(t) AS row FROM {table} t WHERE org_id = :org"), {"org": others.org_id}
            )
            for (row,) in rows:
                names = [row[key] for key in ("id", "user_id", "name", "kid") if isinstance(row.get(key), str)]
                others.ids.setdefault(table, []).extend(name for name in names if name != MARK)


async def fingerprint(orchestrator: Orchestrator, org_id: uuid.UUID) -> dict[str, str]:
    """A hash of every table's rows of an organisation, but for failed logins at its identity provider.

    A login is tried before it is known who tries, and that it failed is theirs to know.
    """
    found = {}
    async with orchestrator.container.database.across() as session:
        tables = await session.scalars(text(TABLES))
        for table in tables.all():
            but = "AND (actor, verb) <> ('anonymous', 'login.failed')" if table == "audit_entries" else ""
            rows = await session.scalars(
                text(f"SELECT to_jsonb(t)::text FROM {table} t WHERE org_id = :org {but} ORDER BY 1"), {"org": org_id}
            )
            found[table] = hashlib.sha256("\n".join(rows.all()).encode()).hexdigest()
    return found


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        if path.startswith("/v1/") and path not in SKIPPED:
            for method, operation in methods.items():
                yield method.upper(), path, operation


def example(document: dict[str, Any], schema: dict[str, Any], ident: str, name: str = "") -> Any:  # noqa: PLR0911
    """The least that fits a schema, with ``ident`` wherever something may be named."""
    if "$ref" in schema:
        return example(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], ident, name)
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return example(document, schema[choice][0], ident, name)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            wanted = {key for key in fields if key in schema.get("required", ()) or key.endswith(("id", "ids"))}
            return {key: example(document, fields[key], ident, key) for key in sorted(wanted)}
        case "array":
            return [example(document, schema.get("items", {}), ident, name)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "string" if schema.get("format") == "date-time":
            return (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        case "string":
            return ident
    return {}


async def call(
    client: httpx.AsyncClient, document: dict[str, Any], operation: Operation, ident: str
) -> httpx.Response:
    method, path, described = operation
    query = {}
    for parameter in described.get("parameters", ()):
        name = parameter["name"]
        if parameter["in"] == "path":
            path = path.replace(f"{{{name}}}", ident)
        elif name == "cursor":
            query[name] = Cursor(datetime.now(UTC), ident).encode()
        elif parameter["in"] == "query" and (name.endswith("id") or parameter.get("required")):
            query[name] = ident
    body = described.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    content = orjson.dumps(example(document, body, ident)) if body else None
    headers = {"Content-Type": "application/json", "Last-Event-ID": "0"}
    return await client.request(method, path, params=query, content=content, headers=headers, timeout=30)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_route_with_anothers_ids(
    orchestrator: Orchestrator, client: httpx.AsyncClient, others: Others
) -> None:
    document = (await client.get("/v1/openapi.json")).json()
    assert set(SKIPPED) <= set(document["paths"])
    assert {"tokens", "machines", "memberships", "connections", "agents", "runs", "sessions"} - set(others.ids) <= {
        "sessions"
    }
    before = await fingerprint(orchestrator, others.org_id)
    told: list[str] = []
    for operation in operations(document):
        method, path, _ = operation
        if path == "/v1/logout":
            continue
        for ident in others.every_id if "{" in path else others.every_id[:2]:
            answer = await call(client, document, operation, ident)
            if MARK in answer.text or str(others.org_id) in answer.text or answer.status_code == 500:
                told.append(f"{method} {path} {ident}: {answer.status_code} {answer.text[:200]}")
    assert told == []
    assert await fingerprint(orchestrator, others.org_id) == before


async def test_a_stream_taken_up_at_anothers_event_tells_nothing_of_it(orchestrator: Orchestrator) -> None:
    bus, org, other = orchestrator.container.bus, orchestrator.org_id, uuid.uuid4()
    await bus.publish_events(
        str(other), [CloudEvent(id="1", source="/t", type="io.opsrail.test.v1", data={"n": MARK})]
    )
    run = str(uuid.uuid4())
    status = RunStatus(run_id=run, org_id=str(other), state=RunState.RUNNING, at=datetime.now(UTC), message=MARK)
    await bus.publish(subjects.run_status(str(other), "ci", run), status.encode())
    await bus.publish_events(
        str(org), [CloudEvent(id="2", source="/t", type="io.opsrail.test.v1", data={"n": "ours"})]
    )
    begin, missed = await merged.start(bus, Position.parse("e0.0-r0"))
    told = merged.messages(
        bus, orchestrator.container.owners, org, frozenset(merged.TOPICS), begin=begin, missed=missed
    )
    seen = b""
    async with aclosing(told) as messages:
        while b"ours" not in seen:
            seen += await anext(messages)
    assert MARK.encode() not in seen


async def test_redis_keys_and_buckets_carry_the_organisation(
    orchestrator: Orchestrator, client: httpx.AsyncClient, others: Others
) -> None:
    await client.get("/v1/me")
    await others.client.get("/v1/me")
    keys = [
        str(key, "utf-8") if isinstance(key, bytes) else key for key in await orchestrator.container.redis.keys("*")
    ]
    assert any(str(others.org_id) in key for key in keys)
    without = [key for key in keys if str(orchestrator.org_id) not in key and str(others.org_id) not in key]
    assert [key for key in without if not key.startswith(("rate:address:", "guess:"))] == []
    streams = {info.config.name for info in await orchestrator.container.bus.js.streams_info()}
    assert f"OBJ_{subjects.artifacts_bucket(str(others.org_id))}" in streams


@pytest.mark.parametrize("statement", ["UPDATE {table} SET org_id = org_id", "DELETE FROM {table}", "INSERT"])
async def test_no_table_gives_up_anothers_rows_to_straight_sql(
    orchestrator: Orchestrator, others: Others, statement: str
) -> None:
    database = orchestrator.container.database
    async with database.across() as session:
        tables = (await session.scalars(text(TABLES))).all()
        rows = {
            table: (
                await session.scalars(
                    text(f"SELECT to_jsonb(t)::text FROM {table} t WHERE org_id = :org LIMIT 1"),
                    {"org": others.org_id},
                )
            ).all()
            for table in tables
        }
    before = await fingerprint(orchestrator, others.org_id)
    reached = []
    for table in tables:
        try:
            async with database.organisation(orchestrator.org_id) as session:
                seen = await session.scalar(
                    text(f"SELECT count(*) FROM {table} WHERE org_id = :org"), {"org": others.org_id}
                )
                if statement != "INSERT":
                    where = " WHERE org_id = :org RETURNING 1"
                    touched = await session.execute(
                        text(statement.format(table=table) + where), {"org": others.org_id}
                    )
                    reached += [table] if seen or touched.all() else []
                elif rows[table]:
                    record = f"jsonb_populate_record(NULL::{table}, CAST(:row AS jsonb))"
                    copy = f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {record}"
                    await session.execute(text(copy), {"row": rows[table][0]})
                    reached.append(table)
        except DBAPIError as error:
            if not re.search("row-level security|permission denied", str(error)):
                raise
    assert reached == []
    assert sum(bool(found) for found in rows.values()) >= 12
    assert await fingerprint(orchestrator, others.org_id) == before
