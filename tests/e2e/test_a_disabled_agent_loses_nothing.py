"""What arrives while the CI agent is disabled is handled once, or skipped, as the operator chooses."""

import collections
from typing import Any

import httpx
import pytest

from opsrail.testing.stack import Stack, wait_until
from tests.e2e.support import Forge, ended, pipelines, stored

PUSHES = 100


@pytest.mark.slow
def test_a_hundred_pushes_are_all_replayed(forge: Forge, stack: Stack) -> None:
    events = _pushes_while_disabled(forge, "disabled/replay")
    assert pipelines(forge.client, events) == []
    wait_until(lambda: (_agent(forge.client)["backlog"]["events"] or 0) >= PUSHES, what="the pushes in the backlog")

    _enable(stack, forge.client, "replay")
    found = ended(forge.client, events, PUSHES)
    assert collections.Counter(run["state"] for run in found) == {"succeeded": PUSHES}
    assert [cause for cause, count in collections.Counter(run["cause"] for run in found).items() if count > 1] == []


@pytest.mark.slow
def test_a_hundred_pushes_are_all_skipped(forge: Forge, stack: Stack) -> None:
    events = _pushes_while_disabled(forge, "disabled/skip")
    _enable(stack, forge.client, "skip")
    wait_until(lambda: _agent(forge.client)["backlog"] == {"events": 0, "actions": 0}, what="nothing waits")

    _, head = forge.repository("disabled/after")
    ended(forge.client, forge.push("disabled/after", head).json()["events"], 1)
    assert pipelines(forge.client, events) == []
    assert set(stored(forge.client, events).values()) == {1}


def _pushes_while_disabled(forge: Forge, name: str) -> list[str]:
    repository, base = forge.repository(name)
    heads = {f"b{number}": repository.branch(f"b{number}", base) for number in range(PUSHES)}
    assert forge.client.post("/v1/agents/ci/disable").json()["state"] == "disabled"
    events: list[str] = []
    for branch, head in heads.items():
        answer = forge.push(name, head, branch=branch)
        assert answer.status_code == 202, answer.text
        events += answer.json()["events"]
    return events


def _enable(stack: Stack, client: httpx.Client, backlog: str) -> None:
    answer = client.post("/v1/agents/ci/enable", json={"backlog": backlog})
    assert answer.status_code == 200, answer.text
    stack.wait_agents("ci")


def _agent(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/v1/agents/ci").json()
    return found
