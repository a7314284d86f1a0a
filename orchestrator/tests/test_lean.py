"""The start of an orchestrator does not pay for what only some requests need."""

import json
import os
import subprocess
import sys

import pytest

from opsrail import later
from opsrail.app import create_app

SELDOM = (
    "alembic",
    "authlib",
    "boto3",
    "cedarpy",
    "click.testing",
    "cryptography.x509",
    "httpx",
    "joserfc",
    "jsonschema",
)
NEVER = ("aiohttp", "opentelemetry.sdk", "rich")


def loaded(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_application_loads_what_it_serves_with() -> None:
    assert loaded("opsrail.app") & {*SELDOM, *NEVER, *later.MODULES} == set()


async def test_the_rest_is_loaded_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(later, "PAUSE", later.PAUSE * 0)
    await later.load()
    assert set(later.MODULES) <= sys.modules.keys()


def test_models_that_are_built_later_serve_the_same_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``embedded.serve`` loads the application, and without a warning."""
    for name, url in {
        "OPSRAIL_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1/none",
        "OPSRAIL_REDIS_URL": "redis://127.0.0.1",
        "OPSRAIL_NATS_URL": "nats://127.0.0.1",
    }.items():
        monkeypatch.setenv(name, url)
    code = (
        "from opsrail_sdk import lean; lean.defer_models()\n"
        "import json; from opsrail.app import create_app\n"
        "print(json.dumps(create_app().openapi()))"
    )
    deferred = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=os.environ, capture_output=True, text=True, check=False
    )
    assert deferred.stderr == ""
    assert json.loads(deferred.stdout) == json.loads(json.dumps(create_app().openapi()))
