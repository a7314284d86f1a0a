"""Git facts that GitHub and GitLab share: pushes and proposed changes. Called by both normalisers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsrail.hooks.delivery import Normalised
from opsrail.hooks.reading import dig, text, texts

MAX_COMMITS = 100
MAX_PATHS = 2000
MAX_MESSAGE = 2000

_HEADS = "refs/heads/"
_TAGS = "refs/tags/"


@dataclass(frozen=True)
class Repository:
    """Where it happened. ``source`` is the address that people open, used as event source."""

    full_name: str
    source: str
    clone_url: str | None
    default_branch: str | None

    @property
    def content(self) -> dict[str, Any]:
        """As the CDEvents vocabulary refers to a repository."""
        return {"id": self.full_name, "source": self.source}


@dataclass(frozen=True)
class Push:
    """A ref that moved, as both forges tell it."""

    repository: Repository
    ref: str
    before: str
    after: str
    created: bool
    deleted: bool
    forced: bool
    pusher: str | None
    message: str | None
    commits: list[dict[str, Any]]
    time: datetime | None

    def block(self, branch: str | None) -> dict[str, Any]:
        """What subscribers read; the lists are bounded and ``truncated`` says so."""
        commits, truncated = bounded_commits(self.commits)
        return {
            "ref": self.ref,
            "branch": branch,
            "before": self.before,
            "after": self.after,
            "default_branch": self.repository.default_branch,
            "repository": self.repository.full_name,
            "clone_url": self.repository.clone_url,
            "web_url": self.repository.source,
            "pusher": self.pusher,
            "message": (self.message or "")[:MAX_MESSAGE],
            "commits": commits,
            "truncated": truncated,
            "forced": self.forced,
            "created": self.created,
            "deleted": self.deleted,
        }


def add_push(out: Normalised, push: Push) -> None:
    """Branches become CDEvents, tags events of our own; other refs are kept as they are."""
    repository = push.repository
    if push.ref.startswith(_HEADS):
        branch = push.ref.removeprefix(_HEADS)
        custom = {"push": push.block(branch)}
        common: dict[str, Any] = {
            "source": repository.source,
            "content": {"repository": repository.content},
            "time": push.time,
            "custom_data": custom,
        }
        if push.deleted:
            out.cdevent("branch.deleted", subject_id=branch, **common)
            return
        if push.created:
            out.cdevent("branch.created", subject_id=branch, **common)
        out.cdevent("change.merged", subject_id=push.after, **common)
        return
    data = {"push": push.block(None)}
    if push.ref.startswith(_TAGS):
        verb = "deleted" if push.deleted else "created"
        tag = push.ref.removeprefix(_TAGS)
        out.add(f"io.opsrail.tag.{verb}.v1", source=repository.source, subject=tag, data=data, time=push.time)
        return
    out.generic("push", source=repository.source, subject=push.ref, data=data, time=push.time)


def bounded_commits(commits: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], bool]:
    """The latest commits with their paths, within ``MAX_COMMITS`` and ``MAX_PATHS``; and whether any is missing."""
    listed = list(commits)
    truncated = len(listed) > MAX_COMMITS
    room = MAX_PATHS
    kept = []
    for commit in listed[-MAX_COMMITS:]:
        entry: dict[str, Any] = {
            "id": text(commit.get("id")),
            "message": (text(commit.get("message")) or "")[:MAX_MESSAGE],
        }
        for change in ("added", "modified", "removed"):
            paths = texts(commit.get(change))
            truncated = truncated or len(paths) > room
            entry[change] = paths[:room]
            room -= len(entry[change])
        kept.append(entry)
    return kept, truncated


@dataclass(frozen=True)
class PullRequest:
    """A proposed change: pull request or merge request."""

    repository: Repository
    number: int
    title: str | None
    author: str | None
    action: str | None
    web_url: str | None
    head_sha: str | None
    head_ref: str | None
    base_sha: str | None
    base_ref: str | None
    from_fork: bool
    clone_url: str | None
    draft: bool
    merged: bool
    merge_commit_sha: str | None
    description: str | None
    time: datetime | None


def add_pull_request(out: Normalised, name: str, change: PullRequest) -> None:
    """A ``change.*`` CDEvent whose ``customData.pull_request`` tells the rest."""
    content: dict[str, Any] = {"repository": change.repository.content}
    if name == "change.created":
        content["description"] = change.description or change.title
    out.cdevent(
        name,
        source=change.repository.source,
        subject_id=str(change.number),
        content=content,
        time=change.time,
        custom_data={
            "pull_request": {
                "number": change.number,
                "title": change.title,
                "author": change.author,
                "action": change.action,
                "repository": change.repository.full_name,
                "web_url": change.web_url,
                "head_sha": change.head_sha,
                "head_ref": change.head_ref,
                "base_sha": change.base_sha,
                "base_ref": change.base_ref,
                "from_fork": change.from_fork,
                "clone_url": change.clone_url,
                "default_branch": change.repository.default_branch,
                "draft": change.draft,
                "merged": change.merged,
                "merge_commit_sha": change.merge_commit_sha,
            }
        },
    )


def head_message(commits: list[dict[str, Any]], head: str) -> str | None:
    """Message of the commit that the ref points at now."""
    return next((text(dig(commit, "message")) for commit in reversed(commits) if commit.get("id") == head), None)
