"""AWS Signature V4 as an attacker on the wire may change it: refused over HTTP, and the audit trail says why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.attack.conftest import Target

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH, BODY = "/v1/roles/signed", b'{"title": "Signed", "scopes": ["read"]}'
Headers = dict[str, str]


@dataclass(frozen=True)
class Machine:
    """A program's access key, and what it sends."""

    target: Target
    id: str
    key: str
    secret: str

    def sign(self, *, body: bytes = BODY, key: str | None = None, secret: str | None = None) -> Headers:
        headers = {"Content-Type": "application/json", "X-Environment": "staging"}
        request = AWSRequest("PUT", f"http://opsrail.test{PATH}", data=body, headers=headers)
        SigV4Auth(Credentials(key or self.key, secret or self.secret), "execute-api", "eu-central-1").add_auth(
            request
        )
        return dict(request.headers)

    async def send(self, headers: Mapping[str, str], *, body: bytes = BODY, path: str = PATH) -> httpx.Response:
        async with self.target.client() as wire:
            return await wire.put(path, content=body, headers=headers)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machine(target: Target) -> Machine:
    made = (await target.root.post("/v1/machines", json={"name": "deployer", "roles": ["admin"]})).json()
    return Machine(target, made["id"], made["access_key_id"], made["secret_access_key"])


def dated(moved: timedelta) -> Callable[[Machine], Headers]:
    def change(machine: Machine) -> Headers:
        return machine.sign() | {"X-Amz-Date": (datetime.now(UTC) + moved).strftime("%Y%m%dT%H%M%SZ")}

    return change


def one_more(name: str, value: str) -> Callable[[Machine], Headers]:
    return lambda machine: machine.sign() | {name: value}


CHANGED: dict[str, Callable[[Machine], Headers]] = {
    "a signed header": one_more("X-Environment", "production"),
    "the host": one_more("Host", "elsewhere.example"),
    "the date, a minute on": dated(timedelta(minutes=1)),
    "the date, an hour back": dated(timedelta(hours=-1)),
    "the hash of the body": one_more("X-Amz-Content-SHA256", "0" * 64),
    "the key": lambda machine: machine.sign(key="OPSRAAAAAAAAAAAAAAAA"),
    "the secret": lambda machine: machine.sign(secret="x" * 40),
    "the signature": lambda machine: {
        name: value[:-1] + ("0" if value[-1] != "0" else "1") if name == "Authorization" else value
        for name, value in machine.sign().items()
    },
    "the list of signed headers": lambda machine: {
        name: value.replace(";x-environment", "") if name == "Authorization" else value
        for name, value in machine.sign().items()
    },
    "the region": lambda machine: {
        name: value.replace("eu-central-1", "us-east-1") if name == "Authorization" else value
        for name, value in machine.sign().items()
    },
}


async def refused(machine: Machine, answer: httpx.Response) -> Any:
    entry = await machine.target.refused(answer, 401, "signature_rejected")
    assert entry.verb == "access.refused"
    roles = (await machine.target.root.get("/v1/roles")).json()
    assert "production" not in str(roles)
    return entry


async def test_what_is_signed_and_unchanged_is_taken(machine: Machine) -> None:
    assert (await machine.send(machine.sign())).status_code == 200


@pytest.mark.parametrize("name", CHANGED)
async def test_a_changed_request(machine: Machine, name: str) -> None:
    await refused(machine, await machine.send(CHANGED[name](machine)))


async def test_another_body(machine: Machine) -> None:
    other = BODY.replace(b'"read"', b'"admin"')
    await refused(machine, await machine.send(machine.sign(), body=other))


async def test_another_path(machine: Machine) -> None:
    await refused(machine, await machine.send(machine.sign(), path="/v1/roles/production"))


async def test_the_same_request_again(machine: Machine) -> None:
    headers = machine.sign()
    assert (await machine.send(headers)).status_code == 200
    await machine.target.sql("UPDATE machine_requests SET first_seen_at = now() - interval '1 minute'")
    entry = await refused(machine, await machine.send(headers))
    assert "replay" in entry.reason or "again" in entry.reason or "before" in entry.reason


async def test_the_audit_trail_alone_says_what_was_wrong(machine: Machine) -> None:
    answers = [
        await machine.send(machine.sign(key="OPSRAAAAAAAAAAAAAAAA")),
        await machine.send(machine.sign(secret="y" * 40)),
    ]
    assert len({answer.json()["detail"] for answer in answers}) == 1
