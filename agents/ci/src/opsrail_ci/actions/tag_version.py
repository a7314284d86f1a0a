"""``ci.tag_version``: the next version by conventional commits, as a tag. Asked for by people and playbooks."""

from datetime import timedelta

from pydantic import BaseModel, Field

from opsrail_ci import versions
from opsrail_ci.actions.run_pipeline import PipelineInput, origin_of
from opsrail_ci.adapters.connect import forge as forge_of
from opsrail_ci.checkout import checkout
from opsrail_ci.pipeline.model import Event, Version
from opsrail_ci.pipeline.plan import Facts
from opsrail_ci.settings import CiConfig, process_settings
from opsrail_sdk import ActionContext, Risk, action


class TagInput(PipelineInput):
    """A commit on a branch, and how versions are counted there."""

    version: Version = Field(default=Version(tag=True), description="As in the pipeline file.")


class TagResult(BaseModel):
    """The version that the commit is, and its tag. ``pushed`` is false in a dry run."""

    version: str
    tag: str | None
    pushed: bool


@action(title="Tag the next version", risk=Risk.WRITE, idempotent=True, dry_run=True, timeout=timedelta(minutes=15))
async def tag_version(ctx: ActionContext[CiConfig], input: TagInput) -> TagResult:
    """Compute the next version from the commits since the last tag, and push the tag."""
    forge = await forge_of(ctx, input.connection_id, input.clone_url)
    origin = origin_of(ctx, input, forge)
    home = ctx.workdir / "git-home"
    home.mkdir()
    git = await checkout(
        ctx.workdir / "source",
        origin,
        ref=input.ref,
        commit=input.commit,
        home=home,
        limit=process_settings().clone_timeout,
    )
    facts = Facts(
        repository=input.repository,
        ref=input.ref,
        commit=input.commit,
        event=Event.MANUAL,
        default_branch=input.default_branch,
    )
    rule = input.version.model_copy(update={"tag": True})
    release = await versions.release(rule, facts, git, ctx.workdir / "history")
    assert release is not None
    ctx.line(f"{input.ref} at {input.commit[:12]} is version {release.version}", stream="system")
    pushed = await release.push(ctx, git)
    return TagResult(version=release.version, tag=release.tag, pushed=pushed is not None)
