"""Two replicas serve one port; one is killed under load, and neither work nor a reader's place is lost."""

import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from opsrail.testing.stack import Stack, wait_until
from tests.e2e.follower import Follower
from tests.e2e.senders import Senders
from tests.e2e.support import Forge, connect, ended, pipelines, stored
from tests.simulators.git_http import GitServer
from tests.simulators.github_sender import push_payload

FACTS = 300
PUSHES = 30
LINES = 30


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with two orchestrators."""
    stack = Stack(tmp_path_factory.mktemp("pair"), "--replicas", "2").start()
    stack.wait_agents("ci")
    yield stack
    assert stack.stop() == 0


@pytest.fixture
def api(pair: Stack) -> Iterator[httpx.Client]:
    wait_until(lambda: len(_replicas(pair)) == 2, what="two replicas")
    with pair.client() as client:
        yield client


def _replicas(stack: Stack) -> set[int]:
    return {pid for pid, command in stack.processes().items() if "opsrail.embedded.serve" in command}


@pytest.mark.slow
def test_hooks_runs_and_the_stream_survive_a_killed_replica(pair: Stack, api: httpx.Client, git: GitServer) -> None:
    connection = connect(api, "github", f"pair-{uuid.uuid4().hex[:8]}")
    repository, base = Forge(api, connection, git).repository("pair/app")
    pushes = [
        ("push", push_payload(repository="pair/app", clone_url=git.url("pair/app"), branch=branch, after=head))
        for branch, head in ((f"b{n}", repository.branch(f"b{n}", base)) for n in range(PUSHES))
    ]
    with Follower(pair, "/v1/stream?topics=event,run") as follower:
        wait_until(lambda: follower.answers == [200], what="the stream is open")
        with Senders(pair.url, connection) as senders:
            delivered = senders.send(pushes)
            senders.facts(FACTS)
            senders.wait_promised((FACTS + PUSHES) // 4)
            killed = follower.kill_server()
        assert senders.refusals == []
        promised = senders.events()
        assert len(senders.promised) == FACTS + PUSHES
        assert set(stored(api, promised).values()) == {1}
        triggering = senders.events(delivered)
        runs = ended(api, triggering, PUSHES)
        assert Counter(run["state"] for run in runs) == {"succeeded": PUSHES}
        assert set(Counter(run["cause"] for run in pipelines(api, triggering)).values()) == {1}

        finals = {run["id"] for run in runs}
        wait_until(
            lambda: {told["id"] for told in follower.data("run") if told["state"] == "succeeded"} >= finals,
            what="the end of every run in the stream",
        )
        assert len(follower.answers) > 1
        assert set(follower.answers) == {200}
    assert killed not in _replicas(pair)

    assert follower.data("gap") == []
    told = Counter(event["id"] for event in follower.data("event"))
    assert told.keys() >= set(promised)
    sent_twice = set(senders.events(senders.repeated))
    assert {event for event in promised if told[event] > 1} <= sent_twice
    ends = Counter(run["id"] for run in follower.data("run") if run["state"] == "succeeded")
    assert set(ends.values()) == {1}


@pytest.mark.slow
def test_a_log_goes_on_at_the_other_replica_without_gap_or_repeat(
    pair: Stack, api: httpx.Client, git: GitServer, tmp_path: Path
) -> None:
    forge = Forge(api, connect(api, "github", f"pair-{uuid.uuid4().hex[:8]}"), git)
    gate = tmp_path / "open"
    script = f"n=0; until [ -e {gate} ]; do n=$((n+1)); echo line $n; sleep 0.05; done; echo last line"
    _, head = forge.repository("pair/log", {".opsrail/ci.yaml": f"steps:\n  - name: talk\n    run: {script}\n"})
    events = forge.push("pair/log", head).json()["events"]
    wait_until(lambda: len(pipelines(api, events)) == 1, what="the run")
    (run,) = pipelines(api, events)
    with Follower(pair, f"/v1/runs/{run['id']}/logs") as follower:
        wait_until(lambda: len(follower.data("log")) > LINES, what="a part of the log")
        follower.kill_server()
        before = len(follower.data("log"))
        wait_until(lambda: len(follower.data("log")) > before + LINES, what="more of the log")
        gate.touch()
        wait_until(follower.ended.is_set, what="the end of the log")
    assert len(follower.answers) > 1
    lines = follower.data("log")
    *counted, last = [line["text"] for line in lines if line["step"] == "talk" and line["stream"] == "stdout"]
    assert counted == [f"line {n}" for n in range(1, len(counted) + 1)]
    assert last == "last line"
    positions = [line["position"] for line in lines]
    assert positions == sorted(set(positions))
    assert follower.data("end") == [{"state": "succeeded"}]
