"""``ci.run_pipeline``: one commit through its own pipeline. Asked for by the subscriptions, people and playbooks."""

import asyncio
import contextlib
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from opsrail_ci.adapters.base import CommitState, CommitStatus, Forge
from opsrail_ci.adapters.connect import forge as forge_of
from opsrail_ci.checkout import changed_paths, checkout
from opsrail_ci.events import Emitter, Outcome
from opsrail_ci.git import Remote, remote, without_login
from opsrail_ci.pipeline.model import Event
from opsrail_ci.pipeline.plan import Facts
from opsrail_ci.pipeline_run import PipelineResult, PipelineRun
from opsrail_ci.report import Report
from opsrail_ci.settings import CiConfig, process_settings
from opsrail_sdk import ActionContext, Risk, action
from opsrail_sdk.errors import AgentError, RetryableError
from opsrail_sdk.outcome import Stop

MAX_ATTEMPTS = 3
_LAST_WORDS = timedelta(seconds=6)
"""For telling the bus and the forge about a stopped run; within the SDK's grace for cancelled handlers."""
_NOT_THE_END = frozenset({Stop.DRAINED, Stop.FENCE_LOST})

Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]


class PipelineInput(BaseModel):
    """Which commit, of which repository, and why."""

    model_config = ConfigDict(extra="forbid")

    connection_id: str | None = Field(default=None, description="Connection of the forge: login and commit status.")
    repository: str = Field(
        pattern=r"^[\w-][\w.-]*(/[\w-][\w.-]*)*$", max_length=512, description="Such as acme/shop."
    )
    clone_url: str = Field(min_length=1, max_length=2048)
    ref: str = Field(pattern=r"^refs/", max_length=1024, description="Full reference, such as refs/heads/main.")
    commit: Commit
    event: Event = Event.MANUAL
    before: Commit | None = Field(default=None, description="Commit that the reference was at, for path filters.")
    changed_paths: list[str] | None = Field(default=None, description="Where `before` cannot tell.")
    default_branch: str | None = None
    target_branch: str | None = Field(default=None, description="Of a pull request.")
    from_fork: bool = False
    web_url: str | None = None
    cause: str | None = Field(default=None, description="Id of the event that asked.")


@action(
    title="Run pipeline",
    risk=Risk.WRITE,
    idempotent=True,
    dry_run=True,
    timeout=timedelta(hours=3),
    max_attempts=MAX_ATTEMPTS,
)
async def run_pipeline(ctx: ActionContext[CiConfig], input: PipelineInput) -> PipelineResult:
    """Clone a commit and run its `.opsrail/ci.yaml`: steps, artifacts, images, version, commit status, CDEvents.

    Running it again after a crash repeats the work; events, statuses, artifacts and tags stay the same. A dry run
    clones and says which steps, artifacts, images and tag there would be.
    """
    forge = await forge_of(ctx, input.connection_id, input.clone_url)
    report = _report(ctx, input, forge)
    if ctx.dry_run:
        return await _clone_and_run(ctx, input, forge, report)
    try:
        await report.queued()
        result = await _clone_and_run(ctx, input, forge, report)
        await report.finished("success", result.summary(), tell=result.outcome != "skipped")
    except asyncio.CancelledError as stop:
        await _last_words(report, str(stop))
        raise
    except RetryableError as error:
        if ctx.attempt >= MAX_ATTEMPTS:
            await report.finished("error", str(error))
        raise
    except AgentError as error:
        failed: Outcome = "failure" if error.code in {"pipeline_failed", "pipeline_invalid"} else "error"
        await report.finished(failed, str(error))
        raise
    except Exception:
        if ctx.attempt >= MAX_ATTEMPTS:
            await report.finished("error", "the agent failed in a way nobody planned for")
        raise
    return result.model_copy(update={"status_error": report.status_error})


async def _clone_and_run(
    ctx: ActionContext[CiConfig], input: PipelineInput, forge: Forge, report: Report
) -> PipelineResult:
    origin = origin_of(ctx, input, forge)
    ctx.line(f"cloning {origin.url} at {input.commit[:12]} ({input.ref})", stream="system")
    home = ctx.workdir / "git-home"
    home.mkdir()
    source = ctx.workdir / "source"
    git = await checkout(
        source, origin, ref=input.ref, commit=input.commit, home=home, limit=process_settings().clone_timeout
    )

    async def changed() -> frozenset[str] | None:
        found = await changed_paths(git, input.before, input.commit)
        if found is None and input.changed_paths is not None:
            return frozenset(input.changed_paths)
        return found

    facts = Facts(
        repository=input.repository,
        ref=input.ref,
        commit=input.commit,
        event=input.event,
        default_branch=input.default_branch,
        target_branch=input.target_branch,
    )
    return await PipelineRun(ctx, facts, source, report, git=git, from_fork=input.from_fork, changed=changed).run()


def origin_of(ctx: ActionContext[CiConfig], input: PipelineInput, forge: Forge) -> Remote:
    """Where to clone from, with the forge's login; its secrets are masked from here on.

    Raises:
        InvalidInput: a kind of address that is not allowed.
    """
    login = forge.login()
    origin = remote(
        input.clone_url,
        username=login.username if login else None,
        password=login.password if login else None,
        allow_file=process_settings().allow_file_urls,
    )
    ctx.mask(*origin.secrets())
    return origin


def _report(ctx: ActionContext[CiConfig], input: PipelineInput, forge: Forge) -> Report:
    page = f"{ctx.config.public_url.rstrip('/')}/runs/{ctx.run_id}" if ctx.config.public_url else None
    change = {
        "repository": input.repository,
        "repository_uri": input.web_url or without_login(input.clone_url),
        "ref": input.ref,
        "commit": input.commit,
        "event": input.event.value,
    }
    status = CommitStatus(
        repository=input.repository,
        commit=input.commit,
        ref=input.ref,
        state=CommitState.PENDING,
        context=ctx.config.status_context,
        description="",
        target_url=page,
    )
    return Report(ctx, Emitter(ctx, page or f"urn:opsrail:run:{ctx.run_id}", change), forge, status)


async def _last_words(report: Report, reason: str) -> None:
    """Say how a stopped run ended, within a few seconds.

    A run that is handed over, or that a sibling has taken, is not at its end: nothing is said.
    """
    if reason in _NOT_THE_END:
        return
    outcome: Outcome = "error" if reason == Stop.TIMED_OUT else "cancel"
    words = "took too long" if reason == Stop.TIMED_OUT else "was cancelled"
    with contextlib.suppress(TimeoutError, AgentError):
        async with asyncio.timeout(_LAST_WORDS.total_seconds()):
            await report.finished(outcome, words)
