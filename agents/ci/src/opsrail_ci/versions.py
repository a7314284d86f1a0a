"""Which version a commit is, and its tag. Called by the run and by ``tag_version``."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import semver

from opsrail_ci.analysis.conventional import next_version
from opsrail_ci.checkout import history, push_tag
from opsrail_ci.git import Git
from opsrail_ci.pipeline.model import Event, Version
from opsrail_ci.pipeline.plan import Facts, matches_any
from opsrail_sdk.context import ActionContext


@dataclass(frozen=True)
class Release:
    """A version, and the tag to push for it, if any."""

    facts: Facts
    version: str
    tag: str | None
    scratch: Path
    committed_at: str

    async def push(self, ctx: ActionContext[Any], git: Git) -> str | None:
        """Push the tag, unless this is a dry run; the tag's name."""
        if self.tag is None:
            return None
        if ctx.dry_run:
            ctx.line(f"would push the tag {self.tag}", stream="system")
            return None
        new = await push_tag(git, self.scratch, tag=self.tag, commit=self.facts.commit, date=self.committed_at)
        ctx.line(f"tag {self.tag} {'pushed' if new else 'is there already'}", stream="system")
        return self.tag


async def release(rule: Version | None, facts: Facts, git: Git | None, scratch: Path) -> Release | None:
    """The version of a commit under a rule, ``None`` without a rule.

    A commit on the default branch gets the next version, one on a channel's branch a pre-release; any other gets
    ``<next>-dev.g<commit>``, which is never tagged. A tag that is a version is that version.

    Raises:
        PermanentError: the history cannot be read.
    """
    if rule is None or git is None:
        return None
    tag_version = (facts.tag or "").removeprefix(rule.prefix)
    if facts.event is Event.TAG and semver.Version.is_valid(tag_version):
        return Release(replace(facts, version=tag_version), tag_version, None, scratch, "")
    past = await history(git, scratch, facts.commit, since=rule.prefix, path=rule.path)
    channel = channel_of(rule, facts)
    following = next_version(
        past.tags,
        past.messages,
        prefix=rule.prefix,
        channel=channel or None,
        initial=rule.initial,
        at_commit=past.at_commit,
    )
    if channel is None:
        version = f"{following.version}-dev.g{facts.commit[:12]}"
        return Release(replace(facts, version=version), version, None, scratch, past.committed_at)
    tag = following.tag if rule.tag and (following.changed or following.tag in past.at_commit) else None
    return Release(replace(facts, version=following.version), following.version, tag, scratch, past.committed_at)


def channel_of(rule: Version, facts: Facts) -> str | None:
    """Pre-release channel of the branch; empty for stable releases, ``None`` where nothing is released."""
    branch = facts.branch
    if branch is None or facts.event is Event.PULL_REQUEST:
        return None
    for glob, channel in rule.channels.items():
        if matches_any(branch, [glob]):
            return channel
    return "" if branch == (facts.default_branch or "main") else None
