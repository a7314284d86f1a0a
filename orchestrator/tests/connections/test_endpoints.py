import base64
import hashlib
import hmac
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from opsrail.db.engine import Database
from opsrail.testing.orchestrator import Orchestrator

GITHUB = {"kind": "github", "name": "forge", "secrets": {"token": "ghp_very_secret"}}


async def create(client: httpx.AsyncClient, **body: object) -> dict[str, object]:
    answer = await client.post("/v1/connections", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_hook_kind_gets_an_address_and_a_secret_shown_once(client: httpx.AsyncClient) -> None:
    made = await create(client, **GITHUB)
    assert made["hook_url"] == f"http://opsrail.test/v1/hooks/{made['id']}"
    assert len(str(made["secret"])) >= 43
    assert made["secrets_set"] == ["token"]
    shown = (await client.get(f"/v1/connections/{made['id']}")).json()
    assert "secret" not in shown
    assert "ghp_very_secret" not in str(shown)
    assert shown["settings"]["api_url"] == "https://api.github.com"


async def test_gitlab_gets_a_secret_that_it_takes_as_a_signing_token(client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/connections", json={"kind": "gitlab", "name": "forge"})).json()
    key = base64.b64decode(made["secret"].removeprefix("whsec_"), validate=True)
    assert (made["secret"][:6], len(key)) == ("whsec_", 32)


async def test_a_sender_may_have_chosen_the_secret_itself(client: httpx.AsyncClient) -> None:
    given = {"kind": "github", "name": "app", "secret": "chosen in the app's settings"}
    made = (await client.post("/v1/connections", json=given)).json()
    assert made["secret"] is None
    assert await proven(client, made, given["secret"])

    rotated = await client.post(f"/v1/connections/{made['id']}/rotate", json={"secret": "and changed there later"})
    assert (rotated.status_code, rotated.json()["secret"]) == (200, None)
    assert await proven(client, made, "and changed there later")
    assert await proven(client, made, given["secret"])  # for a day
    assert not await proven(client, made, "something else entirely")


@pytest.mark.parametrize(
    "body", [{"kind": "github", "secret": "short"}, {"kind": "aws", "secret": "no hooks here, so"}]
)
async def test_a_secret_that_cannot_be_is_refused(client: httpx.AsyncClient, body: dict[str, str]) -> None:
    refused = await client.post("/v1/connections", json={"name": "x", **body})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"].endswith("secret")
    assert body["secret"] not in refused.text


async def proven(client: httpx.AsyncClient, connection: dict[str, Any], secret: str) -> bool:
    body = b'{"zen": "keep it"}'
    proof = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-GitHub-Event": "ping", "X-Hub-Signature-256": f"sha256={proof}"}
    answer = await client.post(f"/v1/hooks/{connection['id']}", content=body, headers=headers)
    return answer.status_code == 202


async def test_a_kind_without_hooks_has_neither(client: httpx.AsyncClient) -> None:
    made = await create(client, kind="prometheus", name="metrics", settings={"url": "http://127.0.0.1:9090/"})
    assert made["hook_url"] is None
    assert made["secret"] is None
    assert made["settings"]["url"] == "http://127.0.0.1:9090"  # type: ignore[index]
    refused = await client.post(f"/v1/connections/{made['id']}/rotate")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_hooks")


async def test_secrets_are_sealed_at_rest(client: httpx.AsyncClient, database: Database) -> None:
    made = await create(client, **GITHUB)
    async with database.across() as session:
        row = (await session.execute(text("SELECT sealed_secrets::text AS s, hook_secret FROM connections"))).one()
    assert "ghp_very_secret" not in row.s
    assert str(made["secret"]).encode() not in bytes(row.hook_secret)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"kind": "nosuch", "name": "x"}, "unknown_kind", "kind"),
        ({"kind": "prometheus", "name": "x"}, "invalid_settings", "settings.url"),
        ({"kind": "github", "name": "x", "settings": {"api_ulr": "x"}}, "invalid_settings", "settings.api_ulr"),
        ({"kind": "github", "name": "x", "secrets": {"tokn": "x"}}, "unknown_secret", "secrets.tokn"),
        (
            {"kind": "prometheus", "name": "x", "settings": {"url": "file:///etc/passwd"}},
            "invalid_settings",
            "settings.url",
        ),
        (
            {"kind": "prometheus", "name": "x", "settings": {"url": "http://me:pw@host"}},
            "invalid_settings",
            "settings.url",
        ),
        (
            {"kind": "prometheus", "name": "x", "settings": {"url": "http://169.254.169.254/latest"}},
            "address_refused",
            "settings.url",
        ),
        (
            {"kind": "prometheus", "name": "x", "settings": {"url": "http://metadata.google.internal"}},
            "address_refused",
            "settings.url",
        ),
        ({"kind": "aws", "name": "x", "settings": {"region": "../../x"}}, "invalid_settings", "settings.region"),
    ],
)
async def test_wrong_input_names_the_field(
    client: httpx.AsyncClient, body: dict[str, object], code: str, field: str
) -> None:
    answer = await client.post("/v1/connections", json=body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, code)
    assert field in [error["field"] for error in problem["errors"]]
    assert (await client.get("/v1/connections")).json()["items"] == []


async def test_secret_values_have_names_of_the_operators_own(client: httpx.AsyncClient) -> None:
    made = await create(client, kind="secret", name="deploy", secrets={"SSH_KEY": "x", "value": "y"})
    assert made["secrets_set"] == ["SSH_KEY", "value"]
    refused = await client.post("/v1/connections", json={"kind": "secret", "name": "x", "secrets": {"a b": "x"}})
    assert refused.status_code == 422


async def test_a_name_is_taken_once(client: httpx.AsyncClient) -> None:
    await create(client, **GITHUB)
    answer = await client.post("/v1/connections", json=GITHUB)
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    other = await create(client, **{**GITHUB, "name": "another"})
    answer = await client.patch(f"/v1/connections/{other['id']}", json={"name": GITHUB["name"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")


async def test_change_keeps_what_is_left_out(client: httpx.AsyncClient) -> None:
    made = await create(client, **GITHUB)
    url = f"/v1/connections/{made['id']}"
    renamed = (await client.patch(url, json={"name": "forge two"})).json()
    assert (renamed["name"], renamed["secrets_set"]) == ("forge two", ["token"])
    emptied = (await client.patch(url, json={"secrets": {"token": None}})).json()
    assert emptied["secrets_set"] == []


async def test_delete_is_for_good(client: httpx.AsyncClient) -> None:
    made = await create(client, **GITHUB)
    url = f"/v1/connections/{made['id']}"
    assert (await client.delete(url)).status_code == 204
    assert (await client.delete(url)).status_code == 404
    assert (await client.get("/v1/connections/not-an-id")).status_code == 404


async def test_list_pages_and_filters(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await create(client, kind="github", name=f"g{number}")
    await create(client, kind="cloudevents", name="c")
    first = (await client.get("/v1/connections", params={"limit": 2, "kind": "github"})).json()
    rest = (await client.get("/v1/connections", params={"cursor": first["next"], "kind": "github"})).json()
    assert [item["name"] for item in first["items"] + rest["items"]] == ["g2", "g1", "g0"]
    assert rest["next"] is None


async def test_another_organisation_sees_nothing(client: httpx.AsyncClient, orchestrator: Orchestrator) -> None:
    await create(client, **GITHUB)
    async with orchestrator.container.database.organisation("00000000-0000-4000-8000-000000000000") as session:
        assert (await session.execute(text("SELECT count(*) FROM connections"))).scalar() == 0


async def test_kinds_describe_themselves(client: httpx.AsyncClient) -> None:
    kinds = {kind["kind"]: kind for kind in (await client.get("/v1/connection-kinds")).json()["items"]}
    assert set(kinds) >= {"github", "gitlab", "jenkins", "alertmanager", "grafana", "datadog", "cloudwatch"}
    assert set(kinds) >= {
        "cloudevents",
        "prometheus",
        "aws",
        "gcp",
        "azure",
        "kubernetes",
        "docker",
        "registry",
        "git",
    }
    assert kinds["prometheus"]["settings_schema"]["required"] == ["url"]
    assert not kinds["aws"]["hooks"]
