"""``opsrail demo ci`` on a running stack with Docker and a registry: all promises of it hold, nothing is left."""

import json

import pytest

from opsrail.testing.stack import Stack


@pytest.mark.slow
@pytest.mark.docker
@pytest.mark.registry
@pytest.mark.usefixtures("engine", "registry")
def test_what_ci_promises_is_shown(stack: Stack) -> None:
    stack.wait_agents("ci")
    with stack.client() as client:
        before = client.get("/v1/connections").json()["items"]
        done = stack.cli("demo", "ci", "--json", timeout=240)
        assert done.returncode == 0, done.stderr
        assert client.get("/v1/connections").json()["items"] == before
    played = json.loads(done.stdout)
    assert len(played["checked"]) == 10
    assert played["image"]["digest"].startswith("sha256:")
