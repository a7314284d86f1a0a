"""PostgreSQL, NATS or Valkey goes away under load: ``readyz`` says so, no 202 is broken, everything recovers."""

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from opsrail.testing.servers import RunningServers
from opsrail.testing.stack import Stack, wait_until
from tests.e2e.senders import Senders
from tests.e2e.support import Forge, connect, ended, stored
from tests.simulators.git_http import GitServer
from tests.simulators.github_sender import push_payload

FACTS = 60
PUSHES = 6
PARTS = {"postgres": "postgres", "nats": "nats", "valkey": "redis"}


@pytest.fixture(scope="module")
def outside() -> Iterator[RunningServers]:
    """Servers that somebody else runs, so that they can be away for as long as a test wants."""
    with tempfile.TemporaryDirectory(prefix="opsrail-away-") as data:
        running = RunningServers(Path(data))
        yield running
        running.close()


@pytest.fixture(scope="module")
def attached(outside: RunningServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that uses them; its agents share its login, as where an outside NATS gives us one only."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, address in vars(outside.endpoints).items():
            if name != "agent_nats_url":
                monkeypatch.setenv(f"OPSRAIL_{name.upper()}", address)
        stack = Stack(tmp_path_factory.mktemp("attached")).start()
    stack.wait_agents("ci")
    yield stack
    assert stack.stop() == 0


@pytest.fixture
def api(attached: Stack) -> Iterator[httpx.Client]:
    with attached.client() as client:
        yield client


def _not_ready(api: httpx.Client) -> set[str]:
    return {part["name"] for part in api.get("/readyz").json()["parts"] if not part["ready"]}


@pytest.mark.slow
@pytest.mark.parametrize("server", ["postgres", "nats", "valkey"])
def test_what_was_answered_202_is_there_after_the_outage(
    attached: Stack, api: httpx.Client, outside: RunningServers, git: GitServer, server: str
) -> None:
    connection = connect(api, "github", f"away-{uuid.uuid4().hex[:8]}")
    name = f"away/{server}"
    repository, base = Forge(api, connection, git).repository(name)
    heads = [repository.branch(f"b{number}", base) for number in range(2 * PUSHES)]

    def push(number: int) -> tuple[str, object]:
        return "push", push_payload(
            repository=name, clone_url=git.url(name), branch=f"b{number}", after=heads[number]
        )

    with Senders(attached.url, connection) as senders:
        pushes = senders.send(map(push, range(PUSHES)))
        senders.facts(FACTS)
        senders.wait_promised(FACTS // 2)
        outside.stop(server)
        try:
            wait_until(lambda: _not_ready(api) == {PARTS[server]}, what=f"readyz misses {server}")
            assert api.get("/readyz").status_code == (200 if server == "valkey" else 503)
            assert api.get("/healthz").status_code == 200
            pushes += senders.send(map(push, range(PUSHES, 2 * PUSHES)))
            senders.facts(FACTS)
            if server == "nats":
                wait_until(lambda: 503 in senders.put_off, what="hooks are put off")
            else:
                senders.wait_promised(FACTS + PUSHES + FACTS // 2)
            if server == "postgres":
                answer = api.get("/v1/events")
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
            else:
                assert api.get("/v1/agents").status_code == 200
        finally:
            outside.start(server)
        wait_until(lambda: _not_ready(api) == set(), what=f"{server} is back")

    assert senders.refusals == []
    assert set(senders.put_off) <= {0, 503}
    assert len(senders.promised) == 2 * (FACTS + PUSHES)
    assert set(stored(api, senders.events()).values()) == {1}
    runs = ended(api, senders.events(pushes), len(pushes))
    assert sorted(run["state"] for run in runs) == ["succeeded"] * len(pushes)
    attached.wait_agents("ci")
