"""Pushes of branches and tags ask for a pipeline. Listens to what ingress makes of a forge's push hook."""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from opsrail_ci.pipeline.model import Event
from opsrail_ci.pipeline.plan import matches_any
from opsrail_ci.settings import CiConfig
from opsrail_sdk import CloudEvent, EventContext, subscribe

_NOTHING = re.compile(r"0+")
_SKIP = re.compile(r"\[(?:skip ci|ci skip|no ci|skip opsrail)\]", re.IGNORECASE)


class _Commit(BaseModel):
    model_config = ConfigDict(extra="ignore")

    added: list[str] = []
    modified: list[str] = []
    removed: list[str] = []


class Push(BaseModel):
    """The push block of an event, as ingress writes it."""

    model_config = ConfigDict(extra="ignore")

    ref: str
    after: str
    before: str | None = None
    default_branch: str | None = None
    repository: str
    clone_url: str
    web_url: str | None = None
    message: str | None = None
    commits: list[_Commit] = []
    deleted: bool = False
    truncated: bool = False

    @property
    def is_tag(self) -> bool:
        return self.ref.startswith("refs/tags/")

    @property
    def on_default_branch(self) -> bool:
        names = [self.default_branch] if self.default_branch else ["main", "master"]
        return self.ref.removeprefix("refs/heads/") in names

    def paths(self) -> list[str] | None:
        """Changed paths, where the forge listed all of them."""
        if self.truncated:
            return None
        listed = {path for commit in self.commits for path in (*commit.added, *commit.modified, *commit.removed)}
        return sorted(listed) or None


@subscribe("dev.cdevents.change.merged.*", "io.opsrail.tag.created.v1")
async def push(ctx: EventContext[CiConfig], event: CloudEvent) -> None:
    """Run the pipeline of every pushed commit and tag; a newer push of a branch cancels the older run."""
    block = push_block(event)
    if block is None:
        return
    if reason := skip_reason(ctx.config, block):
        ctx.log.info("push_skipped", repository=block.repository, ref=block.ref, reason=reason)
        return
    await ctx.request(
        "ci.run_pipeline",
        {
            "connection_id": event.connectionid,
            "repository": block.repository,
            "clone_url": block.clone_url,
            "ref": block.ref,
            "commit": block.after,
            "event": (Event.TAG if block.is_tag else Event.PUSH).value,
            "before": None if not block.before or _NOTHING.fullmatch(block.before) else block.before,
            "changed_paths": block.paths(),
            "default_branch": block.default_branch,
            "web_url": block.web_url,
            "cause": event.id,
        },
        concurrency_group=concurrency_group(event.connectionid, block),
    )


def push_block(event: CloudEvent) -> Push | None:
    """The push that an event tells of; ``None`` where it is about something else, such as a merged request."""
    data = event.data if isinstance(event.data, dict) else {}
    custom: Any = data.get("customData") if isinstance(data.get("customData"), dict) else {}
    block = data.get("push") or custom.get("push")
    try:
        return Push.model_validate(block) if block else None
    except ValidationError:
        return None


def skip_reason(config: CiConfig, push: Push) -> str | None:
    """Why this push starts nothing, if so."""
    if push.deleted or _NOTHING.fullmatch(push.after):
        return "deleted"
    if not matches_any(push.repository, config.repositories):
        return "repository is not served"
    if push.message and not push.is_tag and _SKIP.search(push.message):
        return "the commit message says so"
    return None


def concurrency_group(connection: str | None, push: Push) -> str | None:
    """Runs of the same branch supersede each other; tags and the default branch are never cancelled."""
    if push.is_tag or push.on_default_branch:
        return None
    return f"{connection}/{push.repository}/{push.ref}"
