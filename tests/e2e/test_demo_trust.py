"""``opsrail demo trust`` on a running stack: every promise of it holds, and nobody is left behind."""

import json

import pytest

from opsrail.testing.stack import Stack


@pytest.mark.slow
def test_what_trust_promises_is_shown(stack: Stack) -> None:
    stack.wait_agents("ci")
    done = stack.cli("demo", "trust", "--json", timeout=480)
    assert done.returncode == 0, done.stderr
    played = json.loads(done.stdout)
    assert played["forged"] == played["denied"]
    assert len(played["checked"]) == 17
    with stack.client() as client:
        members = client.get("/v1/members").json()["items"]
    assert not [member["email"] for member in members if member["email"].endswith("@demo.example")]
