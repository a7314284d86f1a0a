"""``ci.run_pipeline`` on real repositories over HTTP, with the host runner."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from opsrail_ci.actions.run_pipeline import PipelineInput, run_pipeline
from opsrail_ci.pipeline_run import PipelineResult
from opsrail_sdk.contracts.run import ConnectionSecret
from opsrail_sdk.errors import InvalidInput, PermanentError, Unavailable
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
        "target_url": f"http://opsrail.example/runs/{ctx.run_id}",
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
        "uri": f"urn:opsrail:run:{ctx.run_id}",
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


async def test_the_same_run_again_gives_the_same_events_and_artifacts(
    make_ctx: Callable[..., Any], git_server: GitServer, repository: Repository
) -> None:
    commit = repository.commit({".opsrail/ci.yaml": TWO_STEPS})
    first, second = make_ctx(), make_ctx()
    await run_pipeline(first, pushed(git_server, repository, commit))
    await run_pipeline(second, pushed(git_server, repository, commit))
    assert [event.id for event in first.events] == [event.id for event in second.events]
    assert len({event.id for event in first.events}) == len(first.events)
    assert [(a.id, a.digest) for a in first.stored] == [(a.id, a.digest) for a in second.stored]


async def test_events_are_valid_cdevents(ctx: Any, git_server: GitServer, repository: Repository) -> None:
    schemas = Path(__file__).parents[4] / "shared/data/cdevents/schemas"
    if not schemas.is_dir():
        pytest.skip("the CDEvents schemas are not beside the checkout")
    commit = repository.commit({".opsrail/ci.yaml": TWO_STEPS})
    await run_pipeline(ctx, pushed(git_server, repository, commit))
    for event in ctx.events:
        subject, predicate = event.type.split(".")[2:4]
        document = json.loads((schemas / f"{subject}{predicate}.json").read_text())
        jsonschema.Draft202012Validator(document, format_checker=jsonschema.FormatChecker()).validate(
            event.to_dict()["data"]
        )


async def test_a_matrix_runs_every_job_in_a_workspace_of_its_own(
    ctx: Any, git_server: GitServer, repository: Repository
) -> None:
    text = """\
matrix: {n: [1, 2, 3]}
steps:
  - {name: make, run: 'test ! -e out; echo $MATRIX_N > out'}
artifacts: [{paths: out, name: bundle}]
"""
    commit = repository.commit({".opsrail/ci.yaml": text})
    result = await run_pipeline(ctx, pushed(git_server, repository, commit))
    assert [(step.job, step.outcome) for step in result.steps] == [(f"n={n}", "success") for n in (1, 2, 3)]
    assert [artifact.name for artifact in result.artifacts] == [f"n={n}/bundle.tar.gz" for n in (1, 2, 3)]
    assert len({artifact.digest for artifact in result.artifacts}) == 3


async def test_a_release_is_tagged_once_everything_succeeded(
    make_ctx: Callable[..., Any], git_server: GitServer, repository: Repository
) -> None:
    text = "steps: [{name: a, run: 'echo version $CI_VERSION'}]\nversion: {tag: true, channels: {next: rc}}\n"
    repository.commit({".opsrail/ci.yaml": text}, "feat: start", tag="v1.0.0")
    commit = repository.commit({"a": "1"}, "feat: more")
    ctx = make_ctx()
    result = await run_pipeline(ctx, pushed(git_server, repository, commit))
    assert (result.version, result.tag) == ("1.1.0", "v1.1.0")
    assert repository.tags()["v1.1.0"] == commit
    assert ctx.said("a") == ["version 1.1.0"]
    again = await run_pipeline(make_ctx(), pushed(git_server, repository, commit))
    assert (again.version, again.tag) == ("1.1.0", "v1.1.0")

    other = repository.commit({"b": "1"}, "fix: less", branch="next")
    result = await run_pipeline(make_ctx(), pushed(git_server, repository, other, ref="refs/heads/next"))
    assert result.tag == "v1.1.1-rc.1"
    third = repository.commit({"c": "1"}, "fix: less", branch="feature")
    result = await run_pipeline(make_ctx(), pushed(git_server, repository, third, ref="refs/heads/feature"))
    assert (result.tag, result.version) == (None, f"1.1.1-dev.g{third[:12]}")


async def test_a_forge_that_is_down_never_fails_the_build_but_is_said(
    ctx: Any, git_server: GitServer, repository: Repository, github: GitHubSimulator
) -> None:
    ctx.connections["c1"] = github_connection(github, token="wrong-token")
    commit = repository.commit({".opsrail/ci.yaml": "steps: [{name: a, run: 'true'}]"})
    result = await run_pipeline(ctx, pushed(git_server, repository, commit, connection_id="c1"))
    assert result.outcome == "success"
    assert result.status_error == "the forge does not accept the connection's token"
    assert "commit status success could not be set" in ctx.text


async def test_a_repository_that_cannot_be_cloned_is_a_clear_failure(
    ctx: Any, git_server: GitServer, repository: Repository, github: GitHubSimulator
) -> None:
    ctx.connections["c1"] = github_connection(github)
    repository.commit({"a": "1"})
    with pytest.raises(PermanentError, match="cannot clone") as failure:
        await run_pipeline(ctx, pushed(git_server, repository, "a" * 40, connection_id="c1"))
    assert failure.value.code == "clone_failed"
    assert github.states == ["error"]
    assert ctx.events[-1].data["subject"]["content"]["outcome"] == "error"


async def test_a_repository_that_asks_for_nothing_is_left_alone(
    ctx: Any, git_server: GitServer, repository: Repository, github: GitHubSimulator
) -> None:
    ctx.connections["c1"] = github_connection(github)
    commit = repository.commit({"README": "hi"})
    result = await run_pipeline(ctx, pushed(git_server, repository, commit, connection_id="c1"))
    reason = "no .opsrail/ci.yaml, and no default pipeline fits: nothing to run"
    assert (result.outcome, result.skipped) == ("skipped", [reason])
    assert reason in ctx.text
    assert github.states == []


async def test_a_full_disk_fails_the_run_and_keeps_nothing_half(
    ctx: Any, git_server: GitServer, repository: Repository
) -> None:
    async def full(path: Path, **kwargs: Any) -> Any:
        raise Unavailable("no space left in the object store", code="artifact_store_full")

    ctx.store_artifact = full
    commit = repository.commit({".opsrail/ci.yaml": TWO_STEPS})
    with pytest.raises(PermanentError, match="no space left") as failure:
        await run_pipeline(ctx, pushed(git_server, repository, commit))
    assert failure.value.code == "artifact_not_stored"
    assert "artifact.published" not in ctx.types()


async def test_the_operator_decides_which_runners_there_are(
    make_ctx: Callable[..., Any], git_server: GitServer, repository: Repository
) -> None:
    commit = repository.commit({".opsrail/ci.yaml": "steps: [{name: a, run: 'true'}]"})
    with pytest.raises(InvalidInput, match="wants the host runner, which the operator does not allow"):
        await run_pipeline(make_ctx(runners=["image"]), pushed(git_server, repository, commit))


async def test_the_whole_pipeline_has_a_time_limit(
    make_ctx: Callable[..., Any], git_server: GitServer, repository: Repository
) -> None:
    text = """\
parallel: 1
matrix: {part: [a, b]}
steps:
  - {name: first, run: echo kept > report.txt}
  - {name: slow, run: sleep 600}
  - {name: last, run: 'true', when: {status: always}}
artifacts:
  - {paths: [report.txt], when: always}
"""
    for seconds in (2, 60):  # the second where the first was over before the slow step began
        ctx, limit = make_ctx(), timedelta(seconds=seconds)
        commit = repository.commit({".opsrail/ci.yaml": f"timeout: {seconds}s\n{text}"})
        with pytest.raises(PermanentError, match=f"failed: the pipeline took longer than {limit}") as failure:
            await run_pipeline(ctx, pushed(git_server, repository, commit))
        if "slow failed" in str(failure.value):
            break
    assert "slow failed" in str(failure.value)
    assert failure.value.code == "pipeline_failed"
    steps = [(step["step"], step["outcome"]) for step in failure.value.detail["steps"]]
    assert steps == [
        *(("first", "success"), ("slow", "failure"), ("last", "skipped")),
        *(("first", "failure"), ("slow", "skipped"), ("last", "skipped")),
    ]
    assert [item["name"] for item in failure.value.detail["artifacts"]] == ["part=a/report.txt"]
    finished = [event for event in ctx.types() if "taskrun.finished" in event]
    assert len(finished) == 2


async def test_symbolic_links_are_told_of_and_not_kept(
    ctx: Any, git_server: GitServer, repository: Repository
) -> None:
    text = (
        "steps: [{name: a, run: 'mkdir out; touch out/b; ln -s b out/l; ln -s . out/m'}]\nartifacts: [{paths: out}]\n"
    )
    commit = repository.commit({".opsrail/ci.yaml": text})
    result = await run_pipeline(ctx, pushed(git_server, repository, commit))
    assert [artifact.name for artifact in result.artifacts] == ["out/b"]
    assert "artifact out: symbolic links are not kept: out/l and 1 more" in ctx.text


async def test_path_filters_look_at_what_the_push_changed(
    make_ctx: Callable[..., Any], git_server: GitServer, repository: Repository
) -> None:
    text = "steps:\n - {name: api, run: 'true', paths: api/}\n - {name: web, run: 'true', paths: web/}\n"
    before = repository.commit({".opsrail/ci.yaml": text, "api/x": "1", "web/x": "1"})
    commit = repository.commit({"web/x": "2"})
    result = await run_pipeline(make_ctx(), pushed(git_server, repository, commit, before=before))
    assert [step.step for step in result.steps] == ["web"]
    assert result.skipped == ["step api: no matching file changed"]
    listed = await run_pipeline(
        make_ctx(), pushed(git_server, repository, commit, before="b" * 40, changed_paths=["api/x"])
    )
    assert [step.step for step in listed.steps] == ["api"]
    unknown = await run_pipeline(make_ctx(), pushed(git_server, repository, commit))
    assert [step.step for step in unknown.steps] == ["api", "web"]


async def test_a_dry_run_says_what_it_would_do_and_does_nothing(
    ctx: Any, git_server: GitServer, repository: Repository, github: GitHubSimulator
) -> None:
    ctx.connections["c1"] = github_connection(github)
    ctx.dry_run = True
    file = TWO_STEPS.replace("run: grep", "env: {WHO: me}\n    secrets: [PASSWORD]\n    run: grep")
    file += "version: {tag: true}\nimages:\n  - {name: acme/shop, tags: ['${{ version }}', edge]}\n"
    commit = repository.commit({".opsrail/ci.yaml": file, "Dockerfile": "FROM scratch\n"}, message="feat: begin")
    before = repository.tags()

    result = await run_pipeline(ctx, pushed(git_server, repository, commit, connection_id="c1"))

    assert isinstance(result, PipelineResult)
    assert (result.outcome, result.version, result.tag) == ("planned", "0.1.0", None)
    assert result.planned is not None
    assert [(step.job, step.step, step.runner, step.secrets) for step in result.planned.steps] == [
        ("main", "build", "host", []),
        ("main", "test", "host", ["PASSWORD"]),
    ]
    assert result.planned.artifacts == ["dist/*"]
    assert [(image.name, image.tags, image.push) for image in result.planned.images] == [
        ("acme/shop", ["0.1.0", "edge"], True)
    ]
    assert result.planned.tag == "v0.1.0"
    for line in (
        "would run main / test (host)",
        "would build acme/shop:edge and push it",
        "would push the tag v0.1.0",
    ):
        assert line in ctx.text
    assert (ctx.events, ctx.stored, github.statuses) == ([], [], [])
    assert repository.tags() == before == {}
    assert ctx.said("build") == []


async def test_a_dry_run_finds_what_is_wrong(ctx: Any, git_server: GitServer, repository: Repository) -> None:
    ctx.dry_run = True
    commit = repository.commit({".opsrail/ci.yaml": "steps:\n  - {name: build, runn: make}\n"})
    with pytest.raises(PermanentError) as caught:
        await run_pipeline(ctx, pushed(git_server, repository, commit))
    assert caught.value.code == "pipeline_invalid"
    assert ctx.events == []
