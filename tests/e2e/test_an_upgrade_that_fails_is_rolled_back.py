"""A new version replaces the old one under load without losing a run; one that cannot work never takes over."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from opsrail.testing.stack import Stack, wait_until
from opsrail_sdk import scaffold
from tests.e2e.site import Site
from tests.e2e.support import FINISHED

CANNOT_WORK = """
from pydantic import model_validator

class RollerConfig(RollerConfig):
    @model_validator(mode="after")
    def _never(self) -> "RollerConfig":
        raise ValueError("the new version needs what is not there")
"""
CANNOT_START = """
import sys

if sys.argv[-1] == "run":
    raise SystemExit("the new version does not start")
"""


class Roller:
    """An agent whose versions are written into the site."""

    def __init__(self, site: Site, sources: Path) -> None:
        self._site = site
        self._folder = scaffold.new("roller", sources)
        site.install(self._folder)

    def release(self, version: str, *, greeting: str, extra: str = "") -> None:
        """Install another version over the present one. ``extra`` is code that its settings end with."""
        package = self._folder / "src" / "opsrail_roller"
        original = scaffold.new("roller", self._folder.parent / version)
        for path in ("pyproject.toml", "src/opsrail_roller/agent.py", "src/opsrail_roller/settings.py"):
            text = (original / path).read_text()
            (self._folder / path).write_text(
                text.replace('"0.1.0"', f'"{version}"').replace('"hello"', f'"{greeting}"')
            )
        with (package / "settings.py").open("a") as settings:
            settings.write(extra)
        self._site.install(self._folder)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = Site(tmp_path / "site")
    site.join(monkeypatch)
    monkeypatch.setenv("OPSRAIL_INSTALL_AGENTS", "false")
    return site


@pytest.fixture
def roller(site: Site, tmp_path: Path) -> Roller:
    return Roller(site, tmp_path / "sources")


@pytest.fixture
def upgraded(roller: Roller, tmp_path: Path) -> Iterator[tuple[Stack, httpx.Client]]:
    """A stack where version 0.1.0 works."""
    stack = Stack(tmp_path / "stack").start()
    with stack.client() as client:
        client.post("/v1/agents", json={"module": "opsrail_roller"}).raise_for_status()
        client.post("/v1/agents/roller/enable").raise_for_status()
        stack.wait_agents("roller")
        yield stack, client
    assert stack.stop() == 0


@contextmanager
def _load(stack: Stack) -> Iterator[list[str]]:
    """Asks for one run after the other; the ids of what was promised."""
    promised: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        with stack.client() as client:
            while not stop.is_set():
                body = {"agent": "roller", "action": "say_hello", "input": {"whom": f"n{len(promised)}"}}
                answer = client.post("/v1/runs", json=body)
                if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                    continue
                answer.raise_for_status()
                promised.append(answer.json()["id"])

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        wait_until(lambda: len(promised) > 10, what="load")
        seen = len(promised)
        yield promised
        wait_until(lambda: len(promised) > seen + 10, what="load after the upgrade")
    finally:
        stop.set()
        asking.join()


def _ended(client: httpx.Client, promised: list[str]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}

    def all_ended() -> bool:
        for run in promised:
            if run not in found:
                told = client.get(f"/v1/runs/{run}", params={"wait": 30}).json()
                if told["state"] not in FINISHED:
                    return False
                found[run] = told
        return True

    wait_until(all_ended, what="the end of every run")
    return [found[run] for run in promised]


def _agent(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/v1/agents/roller").json()
    return found


def _words(client: httpx.Client) -> str:
    answer = client.post("/v1/agents/roller/queries/preview", json={"input": {"whom": "Ada"}})
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["output"]["words"]
    return found


@pytest.mark.slow
def test_a_better_version_takes_over_and_no_run_is_lost(upgraded: tuple[Stack, httpx.Client], roller: Roller) -> None:
    stack, client = upgraded
    assert _words(client) == "hello Ada"
    with _load(stack) as promised:
        _ended(client, promised[:1])
        roller.release("0.2.0", greeting="salve")
        answer = client.post("/v1/agents/roller/upgrade")
        assert (answer.status_code, answer.json()["version"]) == (200, "0.2.0"), answer.text
        wait_until(
            lambda: [instance["version"] for instance in _agent(client)["instances"]] == ["0.2.0"],
            what="the new version alone",
        )
    runs = _ended(client, promised)
    assert [(run["state"], run["error"]) for run in runs if run["state"] != "succeeded"] == []
    said = [run["output"]["words"].split()[0] for run in runs]
    assert set(said) == {"hello", "salve"}
    assert said[-1] == "salve"
    assert _words(client) == "salve Ada"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        pytest.param(CANNOT_WORK, "needs what is not there", id="cannot work"),
        pytest.param(CANNOT_START, "heartbeat", id="does not start"),
    ],
)
def test_a_version_that_cannot_work_never_takes_over(
    upgraded: tuple[Stack, httpx.Client], roller: Roller, extra: str, reason: str
) -> None:
    stack, client = upgraded
    with _load(stack) as promised:
        roller.release("0.3.0", greeting="broken", extra=extra)
        answer = client.post("/v1/agents/roller/upgrade")
        assert (answer.status_code, answer.json()["code"]) == (502, "upgrade_rolled_back"), answer.text
        assert reason in answer.json()["detail"]
    assert {(run["state"], run["output"]["words"].split()[0]) for run in _ended(client, promised)} == {
        ("succeeded", "hello")
    }
    agent = _agent(client)
    assert (agent["version"], agent["enabled"], agent["upgrading"]) == ("0.1.0", True, False)
    assert reason in agent["error"]
    assert _words(client) == "hello Ada"


def test_a_version_that_cannot_be_read_is_refused_at_once(
    upgraded: tuple[Stack, httpx.Client], roller: Roller
) -> None:
    _, client = upgraded
    roller.release("0.4.0", greeting="hello", extra="raise RuntimeError('no good')\n")
    answer = client.post("/v1/agents/roller/upgrade")
    assert (answer.status_code, answer.json()["code"]) == (422, "manifest_unreadable")
    assert "no good" in answer.json()["detail"]
    assert _agent(client)["version"] == "0.1.0"
    assert _words(client) == "hello Ada"
