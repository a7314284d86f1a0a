from typing import Any

import httpx
import pytest

from .conftest import Package, manifest


def document(**changes: Any) -> dict[str, Any]:
    return {**manifest().model_dump(mode="json"), **changes}


@pytest.mark.parametrize(
    ("printed", "code"),
    [
        (document(contract=99), "sdk_too_new"),
        (document(id="../etc"), "manifest_invalid"),
        (document(id="core"), "reserved_id"),
        (document(surprise=1), "manifest_invalid"),
        (document(module="opsrail_other"), "manifest_invalid"),
        (document(config_schema={"type": "no such type"}), "manifest_invalid"),
        (["not", "a", "manifest"], "manifest_invalid"),
        ("print('hello')", "manifest_unreadable"),
        ("raise RuntimeError('broken package')", "manifest_unreadable"),
    ],
)
async def test_an_unacceptable_manifest_is_refused_and_leaves_nothing(
    client: httpx.AsyncClient, package: Package, printed: Any, code: str
) -> None:
    package.write(printed)
    answer = await client.post("/v1/agents", json={"module": "opsrail_sample"})
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert (await client.get("/v1/agents")).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"module": "os"}, "unknown_module"),
        ({"module": "opsrail_sample", "runtime": "kubernetes"}, "runtime_unavailable"),
        ({"runtime": "external"}, "manifest_missing"),
        ({}, "module_missing"),
        ({"module": "opsrail_sample", "config": {"times": "x"}}, "invalid_config"),
    ],
)
async def test_an_unacceptable_wish_is_refused(
    client: httpx.AsyncClient, package: Package, body: dict[str, Any], code: str
) -> None:
    answer = await client.post("/v1/agents", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_the_manifest_process_sees_none_of_our_settings(
    client: httpx.AsyncClient, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSRAIL_DATABASE_URL", "postgresql://secret")
    package.write(
        "import os; raise SystemExit(' '.join(k for k in os.environ if k.startswith('OPSRAIL')) or 'clean')"
    )
    answer = await client.post("/v1/agents", json={"module": "opsrail_sample"})
    assert answer.json()["detail"].endswith(": clean")


async def test_what_is_not_installed_is_not_found(client: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", "/v1/agents/nosuch"),
        ("DELETE", "/v1/agents/nosuch"),
        ("POST", "/v1/agents/nosuch/enable"),
        ("POST", "/v1/agents/nosuch/disable"),
        ("POST", "/v1/agents/nosuch/upgrade"),
        ("GET", "/v1/agents/nosuch/config"),
    ):
        answer = await client.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_agent"), path
