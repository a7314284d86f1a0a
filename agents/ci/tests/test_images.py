"""Images built by a real engine, pushed to a real registry."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from opsrail_ci.actions.run_pipeline import PipelineInput, run_pipeline
from opsrail_ci.engine import Engine
from opsrail_sdk.contracts.run import ConnectionSecret
from opsrail_sdk.errors import PermanentError, Unavailable
from tests.simulators.git_http import GitServer, Repository

PIPELINE = """\
name: shop
steps:
  - name: compile
    image: opsrail-test/busybox:1
    run: echo compiled > app.txt
images:
  - name: acme/shop
    tags: ["${{ short_commit }}", "${{ branch }}"]
    args: {GREETING: hi}
"""
DOCKERFILE = "FROM opsrail-test/busybox:1\nARG GREETING\nCOPY app.txt /app.txt\nRUN echo $GREETING > /greeting\n"


def pushed(server: GitServer, repository: Repository, commit: str, **more: Any) -> PipelineInput:
    return PipelineInput(
        repository=repository.name,
        clone_url=server.url(repository.name),
        ref="refs/heads/main",
        commit=commit,
        event=more.pop("event", "push"),
        **more,
    )


def registry_connection(url: str) -> ConnectionSecret:
    return ConnectionSecret(id="r1", kind="registry", name="images", settings={"url": url})


@pytest.mark.docker
@pytest.mark.registry
@pytest.mark.usefixtures("busybox")
async def test_an_image_is_built_from_the_workspace_and_pushed_by_digest(
    make_ctx: Callable[..., Any], git_server: GitServer, repository: Repository, *, engine: Engine, registry: str
) -> None:
    ctx = make_ctx(registry="images")
    ctx.connections["images"] = registry_connection(f"http://{registry}")
    commit = repository.commit({".opsrail/ci.yaml": PIPELINE, "Dockerfile": DOCKERFILE})

    result = await run_pipeline(ctx, pushed(git_server, repository, commit))

    image = result.images[0]
    assert image.pushed
    assert image.references == [f"{registry}/acme/shop:{commit[:12]}", f"{registry}/acme/shop:main"]
    async with httpx.AsyncClient(
        headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"}, timeout=60
    ) as client:
        manifest = await client.get(f"http://{registry}/v2/acme/shop/manifests/{image.digest}")
    assert manifest.headers["Docker-Content-Digest"] == image.digest
    assert manifest.json()["config"]["digest"] == image.image_id
    assert image.image_id is not None
    labels = engine.client.images.get(image.image_id).labels
    assert labels["org.opencontainers.image.revision"] == commit
    output = engine.client.containers.run(
        image.image_id, ["cat", "/greeting", "/app.txt"], remove=True, network="none"
    )
    assert output == b"hi\ncompiled\n"
    kinds = ctx.types()
    assert kinds[-5:] == [
        "build.started",
        "build.finished",
        "artifact.packaged",
        "artifact.published",
        "pipelinerun.finished",
    ]
    assert ctx.events[-2].subject.startswith("pkg:oci/shop@sha256%3A")


@pytest.mark.docker
@pytest.mark.usefixtures("busybox")
async def test_a_broken_dockerfile_fails_the_pipeline_in_the_engines_words(
    ctx: Any, git_server: GitServer, repository: Repository
) -> None:
    commit = repository.commit({"Dockerfile": "FROM opsrail-test/busybox:1\nRUN echo trying; exit 9\n"})
    with pytest.raises(PermanentError, match="returned a non-zero code: 9") as failure:
        await run_pipeline(ctx, pushed(git_server, repository, commit))
    assert failure.value.code == "pipeline_failed"
    assert "trying" in ctx.text


@pytest.mark.docker
@pytest.mark.usefixtures("busybox")
async def test_a_registry_that_is_away_can_be_tried_again(
    make_ctx: Callable[..., Any], git_server: GitServer, repository: Repository
) -> None:
    ctx = make_ctx(registry="images")
    ctx.connections["images"] = registry_connection("http://127.0.0.1:9")
    commit = repository.commit({"Dockerfile": "FROM opsrail-test/busybox:1\n"})
    with pytest.raises(Unavailable, match=r"pushing 127\.0\.0\.1:9/acme/shop"):
        await run_pipeline(ctx, pushed(git_server, repository, commit))
    assert "pipelinerun.finished" not in ctx.types()


@pytest.mark.docker
@pytest.mark.usefixtures("busybox")
async def test_pull_requests_build_but_never_push(
    make_ctx: Callable[..., Any], git_server: GitServer, repository: Repository
) -> None:
    ctx = make_ctx(registry="images")
    commit = repository.commit({"Dockerfile": "FROM opsrail-test/busybox:1\n"})
    result = await run_pipeline(ctx, pushed(git_server, repository, commit, event="pull_request"))
    assert (result.images[0].pushed, result.images[0].digest) == (False, None)
    assert result.images[0].image_id is not None


@pytest.mark.docker
@pytest.mark.usefixtures("busybox")
async def test_cancelling_a_silent_build_ends_it_at_once(
    ctx: Any, git_server: GitServer, repository: Repository, *, still: Callable[[str], bool], until: Any
) -> None:
    commit = repository.commit({"Dockerfile": "FROM opsrail-test/busybox:1\nRUN exec sleep 98761\n"})
    task = asyncio.create_task(run_pipeline(ctx, pushed(git_server, repository, commit)))
    await until(lambda: still("98761"))
    task.cancel("cancelled")
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not still("98761"))
    assert ctx.events[-1].data["subject"]["content"]["outcome"] == "cancel"


async def test_without_an_engine_an_optional_image_is_left_out_and_another_fails(
    make_ctx: Callable[..., Any], git_server: GitServer, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    optional = "steps: [{name: a, run: 'true'}]\nimages: [{name: shop, optional: true}]\n"
    commit = repository.commit({".opsrail/ci.yaml": optional, "Dockerfile": "FROM scratch\n"})
    result = await run_pipeline(make_ctx(), pushed(git_server, repository, commit))
    assert result.images[0].reason == "no Docker engine can be reached"

    commit = repository.commit({".opsrail/ci.yaml": optional.replace("true}", "false}")})
    with pytest.raises(PermanentError, match="no Docker engine") as failure:
        await run_pipeline(make_ctx(), pushed(git_server, repository, commit))
    assert failure.value.code == "no_engine"
