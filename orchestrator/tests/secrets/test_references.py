"""References: their form, who may use which, and where each leads."""

import json
import uuid
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import boto3
import pytest
from pydantic import HttpUrl, SecretStr
from sqlalchemy import text

from opsrail.db.engine import Database
from opsrail.secrets.keyring import Keyring
from opsrail.secrets.references import ReferenceRefused, check_allowed, parse
from opsrail.secrets.resolver import Resolver
from opsrail.secrets.roots.local import FileRoot
from opsrail.secrets.settings import SecretsSettings
from opsrail.secrets.sources.base import SourceUnavailable
from opsrail.settings import Settings
from opsrail_sdk import masking
from tests.simulators.vault import TOKEN, VaultSimulator

ORG = uuid.UUID(int=5)


@pytest.mark.parametrize(
    "reference",
    [
        "secret:deploy-key",
        "env:DEPLOY_TOKEN",
        "vault:kv/data/app#password",
        "aws:prod/db",
        "aws:arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/db-AbC#password",
        "kubernetes:web/login#token",
    ],
)
def test_a_reference_reads_back_as_it_was_written(reference: str) -> None:
    assert str(parse(reference)) == reference


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "plain",
        "file:/etc/passwd",
        "vault:kv/data/app",
        "vault:kv/data/../sys/seal#x",
        "vault:kv//data#x",
        "vault:kv/data/a%2e%2e#x",
        "kubernetes:web/login",
        "env:A\n",
        "env:" + "A" * 600,
    ],
)
def test_what_is_no_reference_is_refused(reference: str) -> None:
    with pytest.raises(ReferenceRefused):
        parse(reference)


def test_an_organisation_reaches_only_what_the_operator_lets_it() -> None:
    patterns = ["env:DEPLOY_*", "vault:kv/data/{org}/*"]
    for allowed in ("env:DEPLOY_TOKEN", "vault:kv/data/acme/app#x", "secret:anything"):
        check_allowed(parse(allowed), patterns, org="acme")
    for refused in ("env:OPSRAIL_SECRETS_KEY", "vault:kv/data/other/app#x", "aws:prod"):
        with pytest.raises(ReferenceRefused, match="OPSRAIL_SECRETS_REFERENCES"):
            check_allowed(parse(refused), patterns, org="acme")
    with pytest.raises(ReferenceRefused):
        check_allowed(parse("vault:kv/data/acme/app#x"), patterns, org="*")
    with pytest.raises(ReferenceRefused):
        check_allowed(parse("env:HOME"), [], org="acme")


@pytest.fixture
def kubernetes() -> Iterator[str]:
    """The two answers of a Kubernetes API that matter: a Secret for the right token, 403 otherwise."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            allowed = self.headers["Authorization"] == "Bearer account"
            found = self.path == "/api/v1/namespaces/web/secrets/login"
            self.send_response(200 if allowed and found else 404 if allowed else 403)
            self.end_headers()
            self.wfile.write(
                json.dumps({"kind": "Secret", "data": {"token": b64encode(b"from-kube").decode()}}).encode()
            )

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
async def resolver(database: Database, settings: Settings, vault: VaultSimulator, kubernetes: str) -> Resolver:
    async with database.across() as session:
        await session.execute(
            text("INSERT INTO organisations (org_id, slug, title) VALUES (:org, 'acme', 'Acme')"), {"org": ORG}
        )
    found = SecretsSettings(
        references=["env:DEPLOY_*", "vault:kv/data/{org}/*", "aws:acme/*", "kubernetes:web/*"],
        vault_url=HttpUrl(vault.url),
        vault_token=SecretStr(TOKEN),
        cache=timedelta(hours=1),
        kubernetes_url=HttpUrl(kubernetes),
        kubernetes_token=SecretStr("account"),
    )
    return Resolver(database, Keyring(database, FileRoot(settings.data)), found)


@pytest.mark.usefixtures("aws")
async def test_every_source_is_followed(
    resolver: Resolver, vault: VaultSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "from-env")
    vault.kv["kv/data/acme/app"] = {"password": "from-vault"}
    manager = boto3.client("secretsmanager")
    manager.create_secret(Name="acme/db", SecretString='{"password": "from-aws"}')
    manager.create_secret(Name="acme/plain", SecretString="whole text")
    for reference, value in (
        ("env:DEPLOY_TOKEN", "from-env"),
        ("vault:kv/data/acme/app#password", "from-vault"),
        ("aws:acme/db#password", "from-aws"),
        ("aws:acme/plain", "whole text"),
        ("kubernetes:web/login#token", "from-kube"),
    ):
        assert await resolver.resolve(ORG, reference) == value
        assert masking.everywhere.text(f"leaks {value}") == f"leaks {masking.MASK}"
    for absent in (
        "env:DEPLOY_NOTHING",
        "vault:kv/data/acme/app#other",
        "vault:kv/data/acme/none#x",
        "aws:acme/none",
        "aws:acme/plain#field",
        "kubernetes:web/login#other",
        "kubernetes:web/none#x",
    ):
        with pytest.raises(SourceUnavailable):
            await resolver.resolve(ORG, absent)


async def test_a_value_is_believed_for_a_little_while(resolver: Resolver, vault: VaultSimulator) -> None:
    vault.kv["kv/data/acme/app"] = {"password": "first"}
    reference = "vault:kv/data/acme/app#password"
    assert await resolver.resolve(ORG, reference) == "first"
    vault.kv["kv/data/acme/app"] = {"password": "second"}
    vault.down = True
    assert await resolver.resolve(ORG, reference) == "first"
    resolver.forget()
    with pytest.raises(SourceUnavailable, match="sealed"):
        await resolver.resolve(ORG, reference)
    vault.down = False
    assert await resolver.resolve(ORG, reference) == "second"


async def test_the_setting_is_asked_again_at_use(resolver: Resolver) -> None:
    with pytest.raises(ReferenceRefused):
        await resolver.resolve(ORG, "env:HOME")
