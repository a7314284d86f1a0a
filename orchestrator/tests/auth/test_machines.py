"""AWS Signature Version 4, signed by stock botocore, sent over HTTP; then everything an attacker may change."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from sqlalchemy import text

from opsrail.auth import machines
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.people import anonymous, person

BASE = "http://opsrail.test"
NEW_ROLE = b'{"title": "R\xc3\xa4ume", "scopes": ["write"]}'


class SignedAt(SigV4Auth):  # type: ignore[misc]
    """botocore's signer with a clock of its own, as in a machine whose clock is off."""

    def __init__(self, credentials: Credentials, moment: datetime) -> None:
        super().__init__(credentials, "execute-api", "eu-central-1")
        self._moment = moment

    def add_auth(self, request: AWSRequest) -> None:
        request.context["timestamp"] = self._moment.strftime("%Y%m%dT%H%M%SZ")
        self._modify_request_before_signing(request)
        wanted = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(wanted, request))


@dataclass(frozen=True)
class Signer:
    """A program with a machine identity."""

    id: str
    key: str
    secret: str
    http: httpx.AsyncClient

    def sign(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
        secret: str | None = None,
        key: str | None = None,
        token: str | None = None,
        service: str = "execute-api",
        region: str = "eu-central-1",
        params: dict[str, Any] | None = None,
        at: datetime | None = None,
    ) -> dict[str, str]:
        """The headers of a signed request."""
        typed = {"Content-Type": "application/json"} if body else {}
        request = AWSRequest(method, f"{BASE}{path}", data=body, headers=typed | (headers or {}), params=params)
        credentials = Credentials(key or self.key, secret or self.secret, token)
        (SignedAt(credentials, at) if at else SigV4Auth(credentials, service, region)).add_auth(request)
        return dict(request.headers)

    async def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> httpx.Response:
        return await self.http.request(method, f"{BASE}{path}", headers=headers, content=body)


@pytest.fixture
async def program(orchestrator: Orchestrator, client: httpx.AsyncClient) -> AsyncIterator[Signer]:
    made = (await client.post("/v1/machines", json={"name": "deployer", "roles": ["admin"]})).json()
    async with anonymous(orchestrator) as http:
        yield Signer(made["id"], made["access_key_id"], made["secret_access_key"], http)


async def test_a_signed_request_is_who_the_machine_is(program: Signer) -> None:
    assert program.key.startswith("OPSR")
    answer = await program.send("GET", "/v1/me", program.sign("GET", "/v1/me"))
    assert answer.status_code == 200
    me = answer.json()
    assert (me["principal"], me["kind"], me["name"]) == (f"machine:{program.id}", "machine", "deployer")
    assert (me["scopes"], me["person"]) == (["admin"], None)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/events?subject=a%20b&limit=5",
        "/v1/events?limit=5&subject=a%2Bb%2F%3D%26",
        "/v1/events?subject=%C3%A4%E2%98%83",
        "/v1/events?subject=a+b",
        "/v1/events?subject=~-_.!*'()",
        "/v1/events?subject=&limit=5",
        "/v1/events?subject&limit=5",
        "/v1/events?type=b&type=a&type=a",
        "/v1/connections/a%20b",
        "/v1/connections/%C3%A4%2F%25",
        "/v1/connections/a:b@c,d;e=f",
        "/v1/connections/x%2f..%2fy",
    ],
)
async def test_odd_paths_and_queries_are_verified_as_sent(program: Signer, path: str) -> None:
    answer = await program.send("GET", path, program.sign("GET", path))
    assert answer.status_code in {200, 404, 422}, answer.text


async def test_parameters_that_botocore_encodes_itself(program: Signer) -> None:
    params = {"subject": "a b+ä/~", "limit": 5}
    headers = program.sign("GET", "/v1/events", params=params)
    assert (await program.send("GET", "/v1/events?limit=5&subject=a%20b%2B%C3%A4/~", headers)).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"X-Many": "a   b  "}])
async def test_a_body_is_part_of_the_signature(program: Signer, headers: dict[str, str]) -> None:
    signed = program.sign("PUT", "/v1/roles/r", NEW_ROLE, headers=headers)
    answer = await program.send("PUT", "/v1/roles/r", signed, NEW_ROLE)
    assert answer.status_code == 200, answer.text
    assert answer.json()["title"] == "Räume"


async def refused(program: Signer, answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (401, "signature_rejected"), answer.text


def change_signature(headers: dict[str, str]) -> None:
    last = headers["Authorization"][-1]
    headers["Authorization"] = headers["Authorization"][:-1] + ("0" if last != "0" else "1")


def change_date(headers: dict[str, str]) -> None:
    headers["X-Amz-Date"] = (datetime.now(UTC) + timedelta(seconds=30)).strftime("%Y%m%dT%H%M%SZ")


def swap_key(headers: dict[str, str]) -> None:
    start, _, rest = headers["Authorization"].partition("/")
    headers["Authorization"] = f"{start[:-1]}{'A' if start[-1] != 'A' else 'B'}/{rest}"


TAMPERINGS: dict[str, Any] = {
    "signature": change_signature,
    "date": change_date,
    "key": swap_key,
    "no date": lambda headers: headers.pop("X-Amz-Date"),
    "signed header": lambda headers: headers.update({"X-Note": "other"}),
    "signed header dropped": lambda headers: headers.pop("X-Note"),
    "host": lambda headers: headers.update({"Host": "elsewhere.test"}),
    "session token": lambda headers: headers.update({"X-Amz-Security-Token": "x"}),
    "amz header added": lambda headers: headers.update({"X-Amz-Target": "x"}),
    "idempotency key added": lambda headers: headers.update({"Idempotency-Key": "x"}),
    "body hash header": lambda headers: headers.update({"X-Amz-Content-Sha256": "0" * 64}),
    "region": lambda headers: headers.update(
        Authorization=headers["Authorization"].replace("eu-central-1", "us-east-1")
    ),
    "service": lambda headers: headers.update(Authorization=headers["Authorization"].replace("execute-api", "s3")),
    "fewer signed headers": lambda headers: headers.update(
        Authorization=headers["Authorization"].replace("host;", "")
    ),
    "cut off": lambda headers: headers.update(Authorization=headers["Authorization"][:60]),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_a_changed_request_is_refused(program: Signer, name: str) -> None:
    headers = program.sign("PUT", "/v1/roles/r", NEW_ROLE, headers={"X-Note": "one"})
    TAMPERINGS[name](headers)
    await refused(program, await program.send("PUT", "/v1/roles/r", headers, NEW_ROLE))


async def test_another_body_method_path_or_query_is_refused(program: Signer) -> None:
    put = program.sign("PUT", "/v1/roles/r", NEW_ROLE)
    await refused(program, await program.send("PUT", "/v1/roles/r", put, NEW_ROLE.replace(b"write", b"admin")))
    await refused(program, await program.send("PUT", "/v1/roles/r", put))
    await refused(program, await program.send("PUT", "/v1/roles/other", put, NEW_ROLE))
    await refused(program, await program.send("DELETE", "/v1/roles/r", put, NEW_ROLE))
    await refused(program, await program.send("PUT", "/v1/roles/r?x=1", put, NEW_ROLE))
    get = program.sign("GET", "/v1/events?limit=5")
    await refused(program, await program.send("GET", "/v1/events?limit=6", get))
    await refused(program, await program.send("GET", "/v1/events", get))


async def test_a_wrong_secret_service_or_token_is_refused(program: Signer) -> None:
    wrong: tuple[dict[str, Any], ...] = (
        {"secret": "x" * 40},
        {"service": "s3"},
        {"token": "session"},
        {"key": "OPSRAAAAAAAAAAAAAAAA"},
    )
    for options in wrong:
        await refused(program, await program.send("GET", "/v1/me", program.sign("GET", "/v1/me", **options)))


@pytest.mark.parametrize("claimed", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"])
async def test_a_body_that_is_not_signed_is_refused(program: Signer, claimed: str) -> None:
    headers = program.sign("PUT", "/v1/roles/r", NEW_ROLE, headers={"X-Amz-Content-SHA256": claimed})
    await refused(program, await program.send("PUT", "/v1/roles/r", headers, NEW_ROLE))


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_a_stale_or_future_date_is_refused(program: Signer, minutes: int) -> None:
    headers = program.sign("GET", "/v1/me", at=datetime.now(UTC) + timedelta(minutes=minutes))
    await refused(program, await program.send("GET", "/v1/me", headers))


@pytest.mark.parametrize("minutes", [-4, 4])
async def test_a_clock_a_little_off_is_accepted(program: Signer, minutes: int) -> None:
    headers = program.sign("GET", "/v1/me", at=datetime.now(UTC) + timedelta(minutes=minutes))
    assert (await program.send("GET", "/v1/me", headers)).status_code == 200


async def test_a_replayed_write_is_refused(program: Signer) -> None:
    headers = program.sign("PUT", "/v1/roles/r", NEW_ROLE)
    assert (await program.send("PUT", "/v1/roles/r", headers, NEW_ROLE)).status_code == 200
    await refused(program, await program.send("PUT", "/v1/roles/r", headers, NEW_ROLE))


async def test_a_read_may_repeat_at_once_but_not_later(
    orchestrator: Orchestrator, program: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machines, "SAME_READ", timedelta(hours=1))
    headers = program.sign("GET", "/v1/me")
    assert (await program.send("GET", "/v1/me", headers)).status_code == 200
    assert (await program.send("GET", "/v1/me", headers)).status_code == 200
    async with orchestrator.container.database.across() as session:
        await session.execute(text("UPDATE machine_requests SET first_seen_at = now() - interval '61 minutes'"))
    await refused(program, await program.send("GET", "/v1/me", headers))


async def test_a_revoked_expired_or_rotated_key_is_refused(
    orchestrator: Orchestrator, client: httpx.AsyncClient, program: Signer
) -> None:
    assert (await program.send("GET", "/v1/me", program.sign("GET", "/v1/me"))).status_code == 200
    rotated = (await client.post(f"/v1/machines/{program.id}/rotate")).json()["secret_access_key"]
    await refused(program, await program.send("GET", "/v1/me", program.sign("GET", "/v1/me")))
    again = program.sign("GET", "/v1/me", secret=rotated)
    assert (await program.send("GET", "/v1/me", again)).status_code == 200
    assert (await client.delete(f"/v1/machines/{program.id}")).status_code == 204
    await refused(program, await program.send("GET", "/v1/roles", program.sign("GET", "/v1/roles", secret=rotated)))
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    made = (await client.post("/v1/machines", json={"name": "m", "roles": ["viewer"], "expires_at": tomorrow})).json()
    async with orchestrator.container.database.organisation(orchestrator.org_id) as session:
        await session.execute(text("UPDATE machines SET expires_at = now() WHERE id = :id"), {"id": made["id"]})
    headers = program.sign("GET", "/v1/me", key=made["access_key_id"], secret=made["secret_access_key"])
    await refused(program, await program.send("GET", "/v1/me", headers))


async def test_the_secret_is_sealed_and_never_shown_again(
    orchestrator: Orchestrator, client: httpx.AsyncClient, program: Signer
) -> None:
    assert program.secret not in (await client.get("/v1/machines")).text
    async with orchestrator.container.database.across() as session:
        rows = (await session.execute(text("SELECT machines::text FROM machines"))).scalars().all()
    assert all(program.secret.encode().hex() not in row and program.secret not in row for row in rows)


async def test_a_machine_of_a_person_ends_with_the_person(
    orchestrator: Orchestrator, client: httpx.AsyncClient, program: Signer
) -> None:
    async with person(orchestrator, client, "ada@example.com", "admin") as ada:
        made = (await ada.browser.post("/v1/machines", json={"name": "m", "roles": ["admin"]})).json()
        keys = {"key": made["access_key_id"], "secret": made["secret_access_key"]}
        me = (await program.send("GET", "/v1/me", program.sign("GET", "/v1/me", **keys))).json()
        assert me["person"] == f"user:{ada.user_id}"
        other = await client.post("/v1/invitations", json={"email": "eve@example.com", "roles": ["admin"]})
        accept = {"token": other.json()["token"], "password": "correct horse battery"}
        await client.post("/v1/invitations/accept", json=accept)
        assert (await client.delete(f"/v1/members/{ada.user_id}")).status_code == 204
        await refused(program, await program.send("GET", "/v1/roles", program.sign("GET", "/v1/roles", **keys)))


async def test_refusals_say_why_in_the_audit_trail_alone(orchestrator: Orchestrator, program: Signer) -> None:
    answer = await program.send("GET", "/v1/me", program.sign("GET", "/v1/me", secret="x" * 40))
    assert "unknown key" not in answer.text
    await orchestrator.container.refusals.close()
    async with orchestrator.container.database.across() as session:
        row = (await session.execute(text("SELECT * FROM audit_entries WHERE verb = 'access.refused'"))).one()
    assert (row.outcome, row.target) == ("denied", "route:GET /v1/me")
    assert row.reason.startswith("signature_rejected: unknown key")
