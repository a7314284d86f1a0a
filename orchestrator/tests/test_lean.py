"""The start of an orchestrator does not pay for what only some requests need."""

import subprocess
import sys

import pytest

from opsrail import later

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
