"""kill -9 of every process while hooks arrive: what was answered 202 is one event and, where it triggers, one run.

The sender does what real senders do: it repeats a delivery, with the same id, until it is answered 202.
"""

import asyncio
import collections
import os
import random
import signal
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from opsrail.testing.stack import Stack, wait_until
from tests.simulators.git_http import GitServer
from tests.simulators.github_sender import push_payload, signed

HOOKS = 2000
PUSHES = 100
"""Of the hooks, those that trigger a pipeline; the others are facts alone."""
SENDERS = 16
FINISHED = {"succeeded", "failed", "timed_out", "cancelled", "interrupted", "denied"}
PIPELINE = "steps:\n  - name: effect\n    run: echo built\n"


class Senders:
    """Sends every delivery until it is answered 202, and remembers what was promised."""

    def __init__(self, stack: Stack, connection: dict[str, Any]) -> None:
        self._stack = stack
        self._connection = connection
        self.promised: dict[str, list[str]] = {}
        self.refusals: list[tuple[int, str]] = []

    async def send(self, deliveries: list[tuple[str, str, Any]]) -> None:
        waiting = collections.deque(deliveries)
        async with httpx.AsyncClient(timeout=30) as client:
            await asyncio.gather(*(self._work(client, waiting) for _ in range(SENDERS)))

    async def _work(self, client: httpx.AsyncClient, waiting: collections.deque[tuple[str, str, Any]]) -> None:
        while waiting:
            delivery, event, payload = waiting.popleft()
            body, headers = signed(self._connection["secret"], event, payload, delivery=delivery)
            while True:
                try:
                    answer = await client.post(
                        f"{self._stack.url}/v1/hooks/{self._connection['id']}", content=body, headers=headers
                    )
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
                    continue
                if answer.status_code == 202:
                    self.promised[delivery] = answer.json()["events"]
                    break
                if answer.status_code < 500:
                    self.refusals.append((answer.status_code, answer.text))
                    break
                await asyncio.sleep(0.1)


def _deliveries(git: GitServer, repository: str, heads: dict[str, str]) -> list[tuple[str, str, Any]]:
    pushes = [
        (
            str(uuid.uuid4()),
            "push",
            push_payload(repository=repository, clone_url=git.url(repository), branch=branch, after=head),
        )
        for branch, head in heads.items()
    ]
    facts = [
        (str(uuid.uuid4()), "star", {"action": "created", "starred_at": None, "number": number})
        for number in range(HOOKS - len(pushes))
    ]
    everything = pushes + facts
    random.Random(7).shuffle(everything)
    return everything


def _kill(stack: Stack, *words: str) -> bool:
    """kill -9 the first process of the stack whose command line holds all ``words``; whether there was one."""
    for pid, command in stack.processes().items():
        line = " ".join(command)
        if all(word in line for word in words):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return True
    return False


async def _break_everything(stack: Stack, senders: Senders) -> None:
    """Kill one part after the other while the senders are at work, the supervisor last.

    The next one dies after a while, or earlier, once its share of the deliveries was answered.
    """
    parts = {
        "orchestrator": ("embedded.serve",),
        "ci agent": ("opsrail_ci", "run"),
        "nats": ("nats-server",),
        "postgres": ("postgres", "-D"),
        "valkey": ("valkey-server",),
    }
    share = HOOKS // (len(parts) + 2)
    for turn, words in enumerate(parts.values(), start=1):
        await _turn(senders, turn * share)
        while not _kill(stack, *words):
            await asyncio.sleep(0.05)
    await _turn(senders, (len(parts) + 1) * share)
    stack.kill()
    assert len(senders.promised) < HOOKS
    await asyncio.to_thread(stack.start)


async def _turn(senders: Senders, answered: int) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(0.8):
            while len(senders.promised) < answered:
                await asyncio.sleep(0.01)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_202_is_one_event_and_one_run(new_stack: Callable[..., Stack], tmp_path: Path) -> None:
    git = GitServer(tmp_path / "git")
    repository = "acme/app"
    heads = git.create(
        repository, {".opsrail/ci.yaml": PIPELINE}, branches=[f"b{number}" for number in range(PUSHES)]
    )
    with git:
        stack = new_stack().start()
        stack.wait_agents("ci")
        with stack.client() as client:
            made = client.post(
                "/v1/connections", json={"kind": "github", "name": "forge", "settings": {}, "secrets": {}}
            )
            assert made.status_code == 201, made.text
        senders = Senders(stack, made.json())
        deliveries = _deliveries(git, repository, heads)
        breaking = asyncio.create_task(_break_everything(stack, senders))
        await senders.send(deliveries)
        await breaking

        assert senders.refusals == []
        assert len(senders.promised) == HOOKS
        _check(stack, senders, {delivery for delivery, event, _ in deliveries if event == "push"})
        assert stack.stop() == 0


def _check(stack: Stack, senders: Senders, pushes: set[str]) -> None:
    promised = [event for events in senders.promised.values() for event in events]
    with stack.client() as client:
        wait_until(
            lambda: collections.Counter(_ids(client, "/v1/events")).keys() >= set(promised),
            what="every promised event is stored",
        )
        stored = collections.Counter(_ids(client, "/v1/events"))
        assert {event: count for event, count in stored.items() if count > 1} == {}

        def runs() -> list[dict[str, Any]]:
            return _items(client, "/v1/runs", agent="ci", action="run_pipeline")

        wait_until(
            lambda: len(runs()) >= len(pushes) and all(run["state"] in FINISHED for run in runs()),
            seconds=480,
            what=f"{len(pushes)} finished runs",
        )
        found = runs()
        causes = collections.Counter(run["cause"] for run in found)
        assert [cause for cause, count in causes.items() if count > 1] == []
        assert len(found) == len(pushes)
        triggering = {event for delivery in pushes for event in senders.promised[delivery]}
        assert set(causes) <= triggering
        assert [(run["state"], run["attempt"], run["error"]) for run in found if run["state"] != "succeeded"] == []


def _items(client: httpx.Client, path: str, **filters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        parameters = {"limit": 500, **filters} | ({"cursor": cursor} if cursor else {})
        answer = client.get(path, params=parameters)
        if answer.status_code != 200:
            raise httpx.TransportError(answer.text)
        page = orjson.loads(answer.content)
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


def _ids(client: httpx.Client, path: str) -> list[str]:
    return [item["id"] for item in _items(client, path)]
