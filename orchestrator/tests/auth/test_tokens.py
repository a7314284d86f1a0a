"""Tokens: made, used, limited in scope and time, revoked."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from opsrail import bootstrap
from opsrail.auth import secret
from opsrail.settings import Settings
from opsrail.testing.orchestrator import Orchestrator


async def create(client: httpx.AsyncClient, **body: object) -> httpx.Response:
    return await client.post("/v1/tokens", json={"name": "test", "scopes": ["read"], **body})


async def test_a_new_token_is_shown_once_and_works(client: httpx.AsyncClient) -> None:
    made = await create(client)
    assert made.status_code == 201
    token = made.json()["token"]
    assert token.startswith("opr_")

    me = await client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert me.json()["scopes"] == ["read"]
    assert me.json()["org"] == "main"
    listed = (await client.get("/v1/tokens")).json()["items"]
    assert made.json()["id"] in {item["id"] for item in listed}
    assert all("token" not in item for item in listed)


async def test_only_a_hash_of_the_secret_is_kept(orchestrator: Orchestrator, client: httpx.AsyncClient) -> None:
    token = (await create(client)).json()["token"]
    presented = secret.parse(token)
    assert presented is not None
    async with orchestrator.container.database.across() as session:
        rows = (await session.execute(text("SELECT tokens::text FROM tokens"))).scalars().all()
    assert all(presented.secret not in row for row in rows)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Basic YWJj",
        "Bearer ",
        "Bearer nonsense",
        "Bearer opr_x_y",
        "Bearer opr_byqnoep5infytpxiofxd5hquja_l693MT6NTgX0NwoedJM2PuAlE-NgRV0YhsdMVQSMxlI",
    ],
)
async def test_a_missing_or_unknown_token_is_refused(client: httpx.AsyncClient, header: str | None) -> None:
    del client.headers["Authorization"]
    answer = await client.get("/v1/me", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] in {"token_missing", "token_rejected"}


async def test_the_right_id_with_a_wrong_secret_is_refused(client: httpx.AsyncClient) -> None:
    token = (await create(client)).json()["token"]
    answer = await client.get(
        "/v1/me", headers={"Authorization": f"Bearer {token[:-1]}{'A' if token[-1] != 'A' else 'B'}"}
    )
    assert answer.status_code == 401


async def test_a_token_stops_at_its_expiry(orchestrator: Orchestrator, client: httpx.AsyncClient) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    made = (await create(client, expires_at=tomorrow)).json()
    async with orchestrator.container.database.organisation(orchestrator.org_id) as session:
        await session.execute(text("UPDATE tokens SET expires_at = now() WHERE id = :id"), {"id": made["id"]})
    token = made["token"]
    assert (await client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})).status_code == 401


@pytest.mark.parametrize("moment", ["2020-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2999-01-01T00:00:00"])
async def test_an_expiry_that_is_past_or_no_time_is_refused(client: httpx.AsyncClient, moment: str) -> None:
    for path, rest in (("/v1/tokens", {"scopes": ["read"]}), ("/v1/machines", {"roles": ["viewer"]})):
        answer = await client.post(path, json={"name": "late", "expires_at": moment, **rest})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.expires_at")
        assert "late" not in (await client.get(path)).text


async def test_a_revoked_token_is_refused_and_gone_from_the_list(client: httpx.AsyncClient) -> None:
    made = (await create(client)).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert (await client.get("/v1/me", headers=headers)).status_code == 200
    assert (await client.delete(f"/v1/tokens/{made['id']}")).status_code == 204
    assert (await client.get("/v1/me", headers=headers)).status_code == 401
    assert (await client.delete(f"/v1/tokens/{made['id']}")).status_code == 404


async def test_scopes_bound_what_a_token_may_do(client: httpx.AsyncClient) -> None:
    reader = (await create(client)).json()["token"]
    answer = await client.post(
        "/v1/tokens", json={"name": "x", "scopes": ["read"]}, headers={"Authorization": f"Bearer {reader}"}
    )
    assert answer.status_code == 403
    assert answer.json()["code"] == "scope_missing"


async def test_the_same_idempotency_key_makes_one_token(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await client.post("/v1/tokens", json={"name": "a", "scopes": ["read"]}, headers=headers)
    again = await client.post("/v1/tokens", json={"name": "a", "scopes": ["read"]}, headers=headers)
    assert again.status_code == 201
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await client.post("/v1/tokens", json={"name": "b", "scopes": ["read"]}, headers=headers)
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"


async def test_a_refused_request_leaves_its_key_free(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "mended"}
    assert (await client.post("/v1/tokens", json={"name": ""}, headers=headers)).status_code == 422
    mended = await client.post("/v1/tokens", json={"name": "a", "scopes": ["read"]}, headers=headers)
    assert mended.status_code == 201


async def test_lists_are_paged_without_gaps_or_repeats(client: httpx.AsyncClient) -> None:
    for number in range(5):
        await create(client, name=f"n{number}")
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = (await client.get("/v1/tokens", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 6


@pytest.mark.parametrize("cursor", ["x", "e30", "WzEsMl0", "W10"])
async def test_a_made_up_cursor_is_a_bad_request(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get("/v1/tokens", params={"cursor": cursor})
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_cursor"


async def test_a_damaged_file_of_the_first_token_is_written_anew(
    orchestrator: Orchestrator, client: httpx.AsyncClient, settings: Settings
) -> None:
    file = settings.data / "admin.token"
    file.write_bytes(b"\xff\xfe\x00")
    await bootstrap.ensure(settings, orchestrator.container.database)
    client.headers["Authorization"] = f"Bearer {file.read_text().strip()}"
    assert (await client.get("/v1/me")).status_code == 200
