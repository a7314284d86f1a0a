"""``ci.run_pipeline`` on real repositories over HTTP, with the host runner."""

from collections.abc import Callable
from typing import Any

import pytest

from opsrail_ci.actions.run_pipeline import PipelineInput, run_pipeline
from opsrail_ci.pipeline_run import PipelineResult
from opsrail_sdk.contracts.run import ConnectionSecret
from opsrail_sdk.errors import InvalidInput, PermanentError
from tests.simulators.git_http import GitServer, Repository
from tests.simulators.github import GitHubSimulator

TWO_STEPS = """\
name: shop
env: {GREETING: hello}
steps:
  - name: build
    run: |
      mkdir -p dist
      echo "$GREETING $CI_REPOSITORY" > dist/app.txt
      echo built
  - name: test
    run: grep -q hello dist/app.txt && echo tested
artifacts:
  - paths: dist/*
    keep: 7d
"""


def pushed(server: GitServer, repository: Repository, commit: str, **more: Any) -> PipelineInput:
    return PipelineInput(
        repository=repository.name,
        clone_url=server.url(repository.name),
        ref=more.pop("ref", "refs/heads/main"),
        commit=commit,
        event=more.pop("event", "push"),
        default_branch="main",
        **more,
    )


def github_connection(github: GitHubSimulator, **secrets: str) -> ConnectionSecret:
    return ConnectionSecret(
        id="c1",
        kind="github",
        name="forge",
        settings={"api_url": github.url},
        secrets=secrets or {"token": github.token},
    )


async def test_a_push_becomes_an_artifact_and_a_commit_status(
    make_ctx: Callable[..., Any], git_server: GitServer, repository: Repository, github: GitHubSimulator
) -> None:
    ctx = make_ctx(public_url="http://opsrail.example")
    ctx.connections["c1"] = github_connection(github)
    commit = repository.commit({".opsrail/ci.yaml": TWO_STEPS})

    result = await run_pipeline(ctx, pushed(git_server, repository, commit, connection_id="c1"))

    assert isinstance(result, PipelineResult)
    assert [(step.step, step.outcome, step.exit_code) for step in result.steps] == [
        ("build", "success", 0),
        ("test", "success", 0),
    ]
    assert [(a.name, a.size) for a in result.artifacts] == [("dist/app.txt", len("hello acme/shop\n"))]
    assert (ctx.folder / "artifacts/dist/app.txt").read_text() == "hello acme/shop\n"
    assert (ctx.stored[0].expires_at - ctx.stored[0].stored_at).days == 7
    assert ctx.said("build") == ["built"]
    assert ctx.said("test") == ["tested"]
    assert github.states == ["pending", "success"]
    assert github.statuses[-1] | {"description": ""} == {
        "repository": "acme/shop",
        "commit": commit,
        "state": "success",
        "context": "opsrail/ci",
        "description": "",
        "target_url": "http://opsrail.example/runs/run-1",
    }
    assert ctx.types() == [
        "pipelinerun.queued",
        "pipelinerun.started",
        "taskrun.started",
        "taskrun.finished",
        "taskrun.started",
        "taskrun.finished",
        "artifact.packaged",
        "artifact.published",
        "pipelinerun.finished",
    ]
    assert ctx.events[-1].data["subject"]["content"]["outcome"] == "success"


async def test_a_failing_step_fails_the_run_and_the_rest_is_skipped(
    ctx: Any, git_server: GitServer, repository: Repository, github: GitHubSimulator
) -> None:
    ctx.connections["c1"] = github_connection(github)
    commit = repository.commit(
        {
            ".opsrail/ci.yaml": """\
steps:
  - {name: lint, run: exit 3, failure: ignore}
  - {name: test, run: "echo broken >&2; exit 7"}
  - {name: deploy, run: echo never}
  - {name: tell, run: echo sorry, when: {status: failure}}
  - {name: clean, run: echo cleaned, when: {status: always}}
"""
        }
    )
    with pytest.raises(PermanentError, match="step test failed: exit code 7") as failure:
        await run_pipeline(ctx, pushed(git_server, repository, commit, connection_id="c1"))
    assert failure.value.code == "pipeline_failed"
    detail: Any = failure.value.detail
    assert [(step["step"], step["outcome"]) for step in detail["steps"]] == [
        ("lint", "ignored"),
        ("test", "failure"),
        ("deploy", "skipped"),
        ("tell", "success"),
        ("clean", "success"),
    ]
    assert github.states == ["pending", "failure"]
    assert ctx.events[-1].data["subject"]["content"] == {
        "pipelineName": "shop",
        "uri": "urn:opsrail:run:run-1",
        "outcome": "failure",
        "errors": "step test failed: exit code 7",
    }


async def test_a_wrong_pipeline_file_is_named_with_line_and_column(
    ctx: Any, git_server: GitServer, repository: Repository
) -> None:
    commit = repository.commit({".opsrail/ci.yaml": "steps:\n  - name: a\n    run: x\n    imge: y\n"})
    with pytest.raises(InvalidInput, match=r"line 4, column 5.*unknown key") as failure:
        await run_pipeline(ctx, pushed(git_server, repository, commit))
    assert failure.value.code == "pipeline_invalid"
    assert ctx.events[-1].data["subject"]["content"]["outcome"] == "failure"
