"""Opened and updated pull requests ask for a pipeline, as far as the operator wants it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from opsrail_ci.pipeline.model import Event
from opsrail_ci.pipeline.plan import matches_any
from opsrail_ci.settings import CiConfig
from opsrail_sdk import CloudEvent, EventContext, subscribe


class PullRequest(BaseModel):
    """The pull request block of an event, as ingress writes it."""

    model_config = ConfigDict(extra="ignore")

    number: int
    repository: str
    head_sha: str
    head_ref: str
    base_sha: str | None = None
    base_ref: str
    from_fork: bool = True
    clone_url: str
    default_branch: str | None = None
    web_url: str | None = None


@subscribe("dev.cdevents.change.created.*", "dev.cdevents.change.updated.*")
async def pull_request(ctx: EventContext[CiConfig], event: CloudEvent) -> None:
    """Run the pipeline of a pull request's head; a newer head cancels the older run."""
    block = pull_request_block(event)
    if block is None:
        return
    if reason := skip_reason(ctx.config, block):
        ctx.log.info("pull_request_skipped", repository=block.repository, number=block.number, reason=reason)
        return
    await ctx.request(
        "ci.run_pipeline",
        {
            "connection_id": event.connectionid,
            "repository": block.repository,
            "clone_url": block.clone_url,
            "ref": f"refs/heads/{block.head_ref}",
            "commit": block.head_sha,
            "event": Event.PULL_REQUEST.value,
            "before": block.base_sha,
            "default_branch": block.default_branch,
            "target_branch": block.base_ref,
            "from_fork": block.from_fork,
            "web_url": block.web_url,
            "cause": event.id,
        },
        concurrency_group=f"{event.connectionid}/{block.repository}/pull/{block.number}",
        key=f"{event.connectionid}/{block.repository}/pull/{block.number}/{block.head_sha}",
    )


def pull_request_block(event: CloudEvent) -> PullRequest | None:
    """The pull request that an event tells of, if any."""
    data = event.data if isinstance(event.data, dict) else {}
    custom: Any = data.get("customData")
    try:
        return PullRequest.model_validate(custom["pull_request"]) if isinstance(custom, dict) else None
    except (KeyError, ValidationError):
        return None


def skip_reason(config: CiConfig, request: PullRequest) -> str | None:
    """Why this pull request starts nothing, if so."""
    if config.pull_requests == "none":
        return "pull requests do not run"
    if request.from_fork and config.pull_requests != "all":
        return "it comes from a fork"
    if not matches_any(request.repository, config.repositories):
        return "repository is not served"
    return None
