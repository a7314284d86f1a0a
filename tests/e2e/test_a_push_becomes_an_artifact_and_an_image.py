"""A signed push becomes a run, an artifact, an image, a commit status and CDEvents; a repeat changes nothing."""

import hashlib
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from opsrail.testing.stack import wait_until
from tests.e2e.support import Forge, connect, ended, items, log_of, pipelines, stored
from tests.simulators.git_http import GitServer
from tests.simulators.github import GitHubSimulator

PUBLIC_URL = "https://opsrail.example.com"
PIPELINE = """\
name: greeter
steps:
  - name: package
    run: mkdir dist && printf hello > dist/greeting.txt
artifacts:
  - paths: dist/greeting.txt
"""
IMAGE = """\
images:
  - name: {name}
    registry: {connection}
"""
DOCKERFILE = "FROM scratch\nCOPY greeting.txt /greeting.txt\n"


@pytest.fixture
def github() -> Iterator[GitHubSimulator]:
    with GitHubSimulator() as simulator:
        yield simulator


@pytest.fixture
def told(client: httpx.Client, git: GitServer, github: GitHubSimulator) -> Iterator[Forge]:
    """A forge that hears of results, with links to the dashboard."""
    before = client.get("/v1/agents/ci/config").json()["config"]
    put = client.put("/v1/agents/ci/config", json={"config": {**before, "public_url": PUBLIC_URL}})
    assert put.status_code == 200, put.text
    name = f"forge-{uuid.uuid4().hex[:8]}"
    made = connect(client, "github", name, settings={"api_url": github.url}, secrets={"token": github.token})
    yield Forge(client, made, git)
    client.put("/v1/agents/ci/config", json={"config": before})


def test_the_artifact_is_the_one_that_was_built(forge: Forge) -> None:
    _, head = forge.repository("push/artifact", {".opsrail/ci.yaml": PIPELINE})
    (run,) = ended(forge.client, forge.push("push/artifact", head).json()["events"], 1)
    assert (run["state"], run["error"]) == ("succeeded", None), log_of(forge.client, run["id"])

    (artifact,) = items(forge.client, "/v1/artifacts", run_id=run["id"])
    content = forge.client.get(f"/v1/artifacts/{artifact['id']}/content")
    assert content.content == b"hello"
    assert artifact["digest"] == "sha256:" + hashlib.sha256(b"hello").hexdigest()
    assert [entry["digest"] for entry in run["output"]["artifacts"]] == [artifact["digest"]]


def test_one_correlation_id_leads_from_the_hook_to_the_last_event(forge: Forge) -> None:
    _, head = forge.repository("push/correlation")
    answer = forge.push("push/correlation", head)
    correlation = answer.headers["X-Correlation-ID"]
    (run,) = ended(forge.client, answer.json()["events"], 1)
    assert run["correlation_id"] == correlation

    def types() -> set[str]:
        return {found["type"] for found in items(forge.client, "/v1/events", correlation_id=correlation)}

    def told() -> set[str]:
        return {".".join(kind.split(".")[2:4]) for kind in types() if kind.startswith("dev.cdevents.")}

    wanted = {"change.merged", "pipelinerun.started", "taskrun.finished", "pipelinerun.finished"}
    wait_until(lambda: wanted <= told() and "io.opsrail.run.succeeded.v1" in types(), what="what the run told of")
    cause = forge.client.get(f"/v1/events/{run['cause']}").json()
    assert cause["type"].startswith("dev.cdevents.change.merged.")


def test_a_repeated_delivery_changes_nothing(forge: Forge) -> None:
    _, head = forge.repository("push/repeat")
    delivery = str(uuid.uuid4())
    first = forge.push("push/repeat", head, delivery=delivery)
    (run,) = ended(forge.client, first.json()["events"], 1)

    repeats = [forge.push("push/repeat", head, delivery=delivery) for _ in range(3)]
    assert [(again.status_code, again.json()) for again in repeats] == [(202, first.json())] * 3

    _, fence = forge.repository("push/repeat-fence")
    ended(forge.client, forge.push("push/repeat-fence", fence).json()["events"], 1)
    assert [found["id"] for found in pipelines(forge.client, first.json()["events"])] == [run["id"]]
    assert set(stored(forge.client, first.json()["events"]).values()) == {1}


def test_the_commit_shows_the_result(told: Forge, github: GitHubSimulator) -> None:
    _, head = told.repository("push/status", {".opsrail/ci.yaml": PIPELINE})
    (run,) = ended(told.client, told.push("push/status", head).json()["events"], 1)
    assert run["state"] == "succeeded", run["error"]
    assert github.states == ["pending", "success"]
    assert {(status["repository"], status["commit"]) for status in github.statuses} == {("push/status", head)}
    assert {status["target_url"] for status in github.statuses} == {f"{PUBLIC_URL}/runs/{run['id']}"}
    assert github.token not in "\n".join(log_of(told.client, run["id"]))


def test_a_failed_build_is_shown_beside_the_commit(told: Forge, github: GitHubSimulator) -> None:
    _, head = told.repository("push/broken", {".opsrail/ci.yaml": "steps:\n  - name: test\n    run: exit 3\n"})
    (run,) = ended(told.client, told.push("push/broken", head).json()["events"], 1)
    assert (run["state"], run["error"]["code"], run["attempt"]) == ("failed", "pipeline_failed", 1)
    assert github.states == ["pending", "failure"]


@pytest.mark.docker
@pytest.mark.registry
@pytest.mark.usefixtures("engine")
def test_the_image_is_in_the_registry_under_its_recorded_digest(forge: Forge, registry: str) -> None:
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    connect(forge.client, "registry", name, settings={"url": f"http://{registry}"})
    files = {
        ".opsrail/ci.yaml": PIPELINE + IMAGE.format(name=f"e2e/{name}", connection=name),
        "Dockerfile": DOCKERFILE,
        "greeting.txt": "hello",
    }
    _, head = forge.repository("push/image", files)
    (run,) = ended(forge.client, forge.push("push/image", head).json()["events"], 1)
    assert run["state"] == "succeeded", log_of(forge.client, run["id"])

    (image,) = run["output"]["images"]
    accept = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
    manifest = httpx.get(
        f"http://{registry}/v2/{image['name']}/manifests/{image['digest']}", headers={"Accept": accept}, timeout=60
    )
    assert manifest.status_code == 200, manifest.text
    assert "sha256:" + hashlib.sha256(manifest.content).hexdigest() == image["digest"]

    def published() -> list[dict[str, Any]]:
        found = items(forge.client, "/v1/events", correlation_id=run["correlation_id"])
        return [event for event in found if event["type"].startswith("dev.cdevents.artifact.published.")]

    hexdigest = image["digest"].removeprefix("sha256:")
    wait_until(
        lambda: any(hexdigest in event["data"]["subject"]["id"] for event in published()),
        what="the image's digest in a CDEvent",
    )
