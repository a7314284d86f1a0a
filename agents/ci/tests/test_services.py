"""Containers beside the steps of a job."""

from typing import Any

import pytest

from opsrail_ci.actions.run_pipeline import PipelineInput, run_pipeline
from opsrail_ci.engine import Engine
from opsrail_sdk.errors import PermanentError
from tests.simulators.git_http import GitServer, Repository

PIPELINE = """\
image: opsrail-test/busybox:1
services:
  web:
    image: opsrail-test/busybox:1
    command: [sh, -c, "mkdir -p /www; echo $WORDS > /www/index.html; exec httpd -f -p 8080 -h /www"]
    env: {WORDS: hello}
steps:
  - name: ask
    run: for i in $(seq 600); do wget -q -O - http://web:8080/index.html && exit 0; sleep 0.1; done; exit 1
"""


@pytest.mark.docker
@pytest.mark.usefixtures("busybox")
async def test_a_service_is_reachable_by_name_and_gone_afterwards(
    ctx: Any, git_server: GitServer, repository: Repository, engine: Engine
) -> None:
    commit = repository.commit({".opsrail/ci.yaml": PIPELINE})
    result = await run_pipeline(ctx, order(git_server, commit))
    assert result.outcome == "success"
    assert ctx.said("ask") == ["hello"]
    label: dict[str, Any] = {"label": f"io.opsrail.run={ctx.run_id}"}
    assert engine.client.containers.list(all=True, filters=label) == []
    assert engine.client.networks.list(filters=label) == []


@pytest.mark.docker
@pytest.mark.usefixtures("busybox")
async def test_what_a_dead_attempt_left_is_removed_first(
    ctx: Any, git_server: GitServer, repository: Repository, engine: Engine
) -> None:
    label = {"io.opsrail.run": ctx.run_id}
    engine.client.networks.create(f"opsrail-left-behind-{ctx.run_id}", labels=label)
    left = engine.client.containers.create("opsrail-test/busybox:1", ["sleep", "600"], labels=label, network="none")
    left.start()
    commit = repository.commit({".opsrail/ci.yaml": "image: opsrail-test/busybox:1\nsteps: [{name: a, run: 'true'}]"})
    await run_pipeline(ctx, order(git_server, commit))
    assert engine.client.containers.list(all=True, filters={"label": f"io.opsrail.run={ctx.run_id}"}) == []


async def test_services_need_an_image_to_be_of_use(ctx: Any, git_server: GitServer, repository: Repository) -> None:
    commit = repository.commit(
        {".opsrail/ci.yaml": PIPELINE.replace("image: opsrail-test/busybox:1\nservices", "services")}
    )
    with pytest.raises(PermanentError, match="services are only reachable from steps in images"):
        await run_pipeline(ctx, order(git_server, commit))


def order(server: GitServer, commit: str) -> PipelineInput:
    return PipelineInput(
        repository="acme/shop",
        clone_url=server.url("acme/shop"),
        ref="refs/heads/main",
        commit=commit,
        event="push",
    )
