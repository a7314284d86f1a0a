"""``opsrail demo ci``: a signed push becomes a built, tested, stored artifact, and an image where Docker is."""

import hashlib
import hmac
import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson

from opsrail.cli.client import Client
from opsrail.demo.stage import CheckFailed, Narrator, stage, wait_agent
from opsrail_sdk.testing.git_http import GitServer

REPOSITORY = "demo/greeter"
RUN_SECONDS = 60
"""A push leads to a run within."""
FILES = {
    "greeter.py": 'def greet(name: str) -> str:\n    return f"Hello, {name}!"\n',
    "test_greeter.py": (
        "import unittest\n\nfrom greeter import greet\n\n\n"
        "class TestGreeter(unittest.TestCase):\n"
        "    def test_greets_by_name(self):\n"
        '        self.assertEqual(greet("Ada"), "Hello, Ada!")\n'
    ),
    "Dockerfile": "FROM scratch\nCOPY greeter.py /greeter.py\n",
}
PIPELINE = """\
name: greeter
steps:
  - name: test
    run: python3 -m unittest -v
  - name: package
    run: |
      mkdir -p dist
      tar -czf dist/greeter.tar.gz greeter.py
artifacts:
  - paths: dist/greeter.tar.gz
images:
  - name: demo/greeter
    optional: true
{registry}"""
_LOCAL_REGISTRY = "127.0.0.1:5000"


def run(narrator: Narrator) -> dict[str, Any]:
    """Play it; returns what was made.

    Raises:
        CheckFailed: a promise did not hold.
    """
    with (
        stage(narrator) as (client, _),
        tempfile.TemporaryDirectory(prefix="opsrail-demo-git-") as folder,
        ExitStack() as closing,
    ):
        wait_agent(client, "ci")
        address = _registry(narrator)
        registry = closing.enter_context(_connected(client, "registry", url=f"http://{address}")) if address else None
        pipeline = PIPELINE.format(registry=f"    registry: {registry['name']}\n" if registry else "")
        server = GitServer(Path(folder))
        head = server.create(REPOSITORY, {**FILES, ".opsrail/ci.yaml": pipeline})["main"]
        closing.enter_context(server)
        narrator.tell(f"made a git repository with one commit, {head[:12]}, served at {server.url(REPOSITORY)}")
        forge = closing.enter_context(_connected(client, "github"))
        narrator.tell(f"connected a forge: {forge['hook_url']}")
        return _play(client, narrator, forge, orjson.dumps(_push(server.url(REPOSITORY), head)), address)


@contextmanager
def _connected(client: Client, kind: str, **settings: str) -> Iterator[dict[str, Any]]:
    """A connection for the length of the demonstration."""
    name = f"demo-{kind}-{uuid.uuid4().hex[:8]}"
    connection = client.post("/connections", {"kind": kind, "name": name, "settings": settings, "secrets": {}})
    try:
        yield connection
    finally:
        client.delete(f"/connections/{connection['id']}")


def _play(
    client: Client, narrator: Narrator, connection: dict[str, Any], body: bytes, registry: str | None
) -> dict[str, Any]:
    delivery = str(uuid.uuid4())

    refused = _deliver(client, connection, body, delivery, secret="not the secret")  # noqa: S106 (wrong on purpose)
    narrator.check("a push signed with another secret is refused", refused.status_code == httpx.codes.UNAUTHORIZED)
    accepted = _deliver(client, connection, body, delivery, secret=connection["secret"])
    narrator.check("the signed push is accepted", accepted.status_code == httpx.codes.ACCEPTED, accepted.text)
    repeated = _deliver(client, connection, body, delivery, secret=connection["secret"])
    narrator.check("the same delivery again gets the same answer", repeated.json() == accepted.json())

    run = _run_of(client, accepted.json()["events"])
    narrator.tell(f"run {run['id']} began; this is its log:")
    for message in client.follow(f"/runs/{run['id']}/logs"):
        if message.event == "log":
            narrator.quote(message.json()["text"])
    run = _finished(client, run["id"])
    narrator.check("the run succeeded", run["state"] == "succeeded", run.get("error"))
    narrator.check("two deliveries of one push led to one run", len(_caused(client, accepted.json()["events"])) == 1)

    artifact = _artifact(client, narrator, run["id"])
    image = _image(client, narrator, run, registry)
    types = {event["type"] for event in client.items("/events", limit=200, correlation_id=run["correlation_id"])}
    said = {".".join(kind.split(".")[2:4]) for kind in types if kind.startswith("dev.cdevents.")}
    narrator.check(
        "the pipeline's facts are CDEvents on the bus", {"pipelinerun.started", "pipelinerun.finished"} <= said, said
    )
    narrator.tell(f"see it in the dashboard: {client.url}/runs/{run['id']}")
    return {"run": run["id"], "artifact": artifact, "image": image}


def _push(clone_url: str, head: str) -> dict[str, Any]:
    """The body that GitHub sends for a push to the default branch."""
    commit = {
        "id": head,
        "message": "feat: greet people",
        "timestamp": "2026-01-01T00:00:00Z",
        "author": {"name": "Ada", "email": "ada@example.com"},
        "added": sorted(FILES),
        "modified": [],
        "removed": [],
    }
    return {
        "ref": "refs/heads/main",
        "before": "0" * 40,
        "after": head,
        "created": True,
        "deleted": False,
        "forced": False,
        "commits": [commit],
        "head_commit": commit,
        "pusher": {"name": "ada", "email": "ada@example.com"},
        "repository": {
            "id": 1,
            "name": REPOSITORY.split("/")[1],
            "full_name": REPOSITORY,
            "html_url": clone_url.removesuffix(".git"),
            "clone_url": clone_url,
            "default_branch": "main",
        },
        "sender": {"login": "ada"},
    }


def _deliver(
    client: Client, connection: dict[str, Any], body: bytes, delivery: str, *, secret: str
) -> httpx.Response:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    return httpx.post(f"{client.url}/v1/hooks/{connection['id']}", content=body, headers=headers, timeout=30)


def _caused(client: Client, events: list[str]) -> list[dict[str, Any]]:
    return [run for run in client.items("/runs", limit=100, agent="ci") if run["cause"] in events]


def _run_of(client: Client, events: list[str]) -> dict[str, Any]:
    give_up = time.monotonic() + RUN_SECONDS
    while time.monotonic() < give_up:
        if runs := _caused(client, events):
            return runs[0]
        time.sleep(0.1)
    raise CheckFailed("the push led to no run")


def _finished(client: Client, run_id: str) -> dict[str, Any]:
    run: dict[str, Any] = client.get(f"/runs/{run_id}", wait=30)
    return run


def _artifact(client: Client, narrator: Narrator, run_id: str) -> dict[str, Any]:
    artifacts = client.items("/artifacts", limit=10, run_id=run_id)
    narrator.check("the run stored one artifact", len(artifacts) == 1, [item["name"] for item in artifacts])
    artifact = artifacts[0]
    digest = hashlib.sha256()
    for chunk in client.download(f"/artifacts/{artifact['id']}/content"):
        digest.update(chunk)
    narrator.check(
        f"what was fetched has the recorded digest {artifact['digest'][:19]}…",
        f"sha256:{digest.hexdigest()}" == artifact["digest"],
    )
    return {key: artifact[key] for key in ("id", "name", "size", "digest")}


def _registry(narrator: Narrator) -> str | None:
    """Address of a registry that answers on this machine, if there is one."""
    address = os.environ.get("OPSRAIL_DEMO_REGISTRY") or os.environ.get("OPSRAIL_TEST_REGISTRY") or _LOCAL_REGISTRY
    try:
        answered = httpx.get(f"http://{address}/v2/", timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        answered = False
    if not answered:
        narrator.tell(
            f"no registry answers at {address} (OPSRAIL_DEMO_REGISTRY names another): images are not pushed"
        )
        return None
    return address


def _image(client: Client, narrator: Narrator, run: dict[str, Any], registry: str | None) -> dict[str, Any] | None:
    images: list[dict[str, Any]] = run["output"].get("images", [])
    built = images[0] if images else None
    if built is None or built.get("image_id") is None:
        narrator.tell(f"no image: {(built or {}).get('reason') or 'none was asked for'}")
        return None
    narrator.check("the image was built", built["image_id"].startswith("sha256:"))
    if built["pushed"] and registry:
        accept = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
        manifest = httpx.get(
            f"http://{registry}/v2/{built['name']}/manifests/{built['digest']}",
            headers={"Accept": accept},
            timeout=10,
        )
        narrator.check(
            f"the registry gives the image by its digest {built['digest'][:19]}…",
            f"sha256:{hashlib.sha256(manifest.content).hexdigest()}" == built["digest"],
        )
    return built
