"""What the stories share: a connected forge with real repositories, and questions that they ask the API."""

import collections
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

import httpx
import pytest

from opsrail.testing.stack import Stack, wait_until
from tests.simulators.git_http import GitServer, Repository
from tests.simulators.github_sender import deliver, push_payload

FINISHED = {"succeeded", "failed", "timed_out", "cancelled", "interrupted", "denied"}
QUICK = "steps:\n  - name: effect\n    run: echo built\n"


@dataclass(frozen=True)
class Forge:
    """A GitHub connection of a stack, and the git server that its repositories are cloned from."""

    client: httpx.Client
    connection: dict[str, Any]
    git: GitServer

    def repository(self, name: str, files: dict[str, str] | None = None) -> tuple[Repository, str]:
        """A new repository and the first commit of its main branch; by default with a pipeline that is quick."""
        made = Repository(self.git.root, name)
        return made, made.commit({**(files or {".opsrail/ci.yaml": QUICK})}, "feat: begin")

    def push(
        self, repository: str, commit: str, *, branch: str = "main", delivery: str | None = None, **facts: Any
    ) -> httpx.Response:
        """Deliver a signed push; ``facts`` are of `push_payload`."""
        payload = push_payload(
            repository=repository, clone_url=self.git.url(repository), branch=branch, after=commit, **facts
        )
        return deliver(self.client, self.connection, "push", payload, delivery=delivery)

    def tag(self, repository: str, commit: str, tag: str) -> httpx.Response:
        """Deliver a signed push of a tag."""
        payload = push_payload(repository=repository, clone_url=self.git.url(repository), branch="-", after=commit)
        payload["ref"] = f"refs/tags/{tag}"
        return deliver(self.client, self.connection, "push", payload)


def connect(
    client: httpx.Client, kind: str, name: str, *, settings: Any = None, secrets: Any = None
) -> dict[str, Any]:
    """A new connection, with the secret of its webhook."""
    made = client.post(
        "/v1/connections", json={"kind": kind, "name": name, "settings": settings or {}, "secrets": secrets or {}}
    )
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def items(client: httpx.Client, path: str, **filters: Any) -> list[dict[str, Any]]:
    """Every item of a list, across pages; what cannot be answered now counts as a lost connection."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = client.get(path, params={"limit": 500, **filters, **cursor})
        if answer.status_code >= 500:
            raise httpx.TransportError(answer.text)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


def pipelines(client: httpx.Client, events: Iterable[str]) -> list[dict[str, Any]]:
    """The pipeline runs that these events caused."""
    wanted = set(events)
    return [run for run in items(client, "/v1/runs", agent="ci", action="run_pipeline") if run["cause"] in wanted]


def ended(client: httpx.Client, events: Iterable[str], count: int) -> list[dict[str, Any]]:
    """The pipeline runs that these events caused, once ``count`` of them have ended and none goes on.

    Raises:
        AssertionError: not within eight minutes, which a hundred of them may take on a busy machine.
    """
    wanted = list(events)
    found: list[dict[str, Any]] = []

    def reached() -> bool:
        found[:] = pipelines(client, wanted)
        return len(found) >= count and all(run["state"] in FINISHED for run in found)

    try:
        wait_until(reached, seconds=480, what=f"{count} finished runs")
    except AssertionError as error:
        states = [(run["state"], run["attempt"], run["message"], run["error"]) for run in found]
        raise AssertionError(f"{error}; there are {len(found)}: {states}") from None
    return found


def stored(client: httpx.Client, events: Iterable[str]) -> collections.Counter[str]:
    """How often each of these events is in the list of events, once all are."""
    wanted = set(events)
    found: collections.Counter[str] = collections.Counter()

    def reached() -> bool:
        found.clear()
        found.update(event["id"] for event in items(client, "/v1/events") if event["id"] in wanted)
        return found.keys() == wanted

    wait_until(reached, what=f"{len(wanted)} stored events")
    return found


def log_of(client: httpx.Client, run_id: str) -> list[str]:
    """The lines of a finished run."""
    return [line["text"] for line in client.get(f"/v1/runs/{run_id}/logs", params={"limit": 5000}).json()["items"]]


def unwell(stack: Stack) -> set[str]:
    """Agents and parts of the stack that do not work."""
    with stack.client() as client:
        agents = {agent["id"] for agent in items(client, "/v1/agents") if agent["state"] in {"failed", "degraded"}}
        parts = {part["name"] for part in client.get("/readyz").json()["parts"] if not part["ready"]}
    return agents | parts


def missing(what: str) -> NoReturn:
    """A component that is not here: an error where everything has been installed, else a skip."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")
