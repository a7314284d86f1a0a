"""Exactly one commit of a repository in a folder, and what git knows around it.

Called by the run and by ``tag_version``. Nothing of the repository is executed: no hooks, filters or submodules.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from opsrail_ci.analysis.conventional import latest
from opsrail_ci.git import Git, GitError, Remote, checked_commit, checked_ref, permanent
from opsrail_sdk.errors import PermanentError

_UNSEEN = "0" * 40


async def checkout(folder: Path, remote: Remote, *, ref: str, commit: str, home: Path, limit: timedelta) -> Git:
    """Make ``folder`` a shallow clone of ``commit``.

    Servers that hand out any reachable commit are asked for just that one; of others, the whole ``ref`` is fetched.

    Raises:
        PermanentError: the repository or the commit cannot be had; with git's message.
        Unavailable: the server could not be reached.
    """
    checked_commit(commit)
    checked_ref(ref)
    git = Git(folder, remote, home=home, timeout=limit)
    try:
        await git("init", "--quiet", "--template=")
        await git("remote", "add", "origin", remote.url)
        await _fetch_commit(git, ref, commit)
        await git("checkout", "--quiet", "--detach", commit)
    except GitError as error:
        raise permanent(error, f"cannot clone {remote.url} at {commit[:12]}", "clone_failed") from error
    return git


async def _fetch_commit(git: Git, ref: str, commit: str) -> None:
    quiet = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules")
    try:
        await git(*quiet, "--depth=1", "origin", commit)
    except GitError as error:
        if not any(hint in str(error) for hint in ("not our ref", "unadvertised object")):
            raise
        await git(*quiet, "origin", f"+{ref}:refs/opsrail/{ref}")


async def changed_paths(git: Git, before: str | None, commit: str) -> frozenset[str] | None:
    """Paths that differ between two commits; ``None`` where the older one cannot be had (a new branch, a rewrite)."""
    if not before or before.startswith(_UNSEEN):
        return None
    try:
        await git("fetch", "--quiet", "--no-tags", "--depth=1", "origin", checked_commit(before))
        listed = await git("diff", "--name-only", "-z", "--no-renames", before, commit)
    except GitError:
        return None
    return frozenset(path for path in listed.split("\0") if path)


async def message(git: Git, commit: str) -> str:
    """The commit's message."""
    return await git("log", "-1", "--format=%B", commit)


@dataclass(frozen=True)
class History:
    """What a version is computed from."""

    tags: list[str]
    """Tags that can be reached from the commit."""
    at_commit: list[str]
    messages: list[str]
    """Since the newest stable tag, newest first."""
    committed_at: str
    """Of the commit, as git writes dates in ISO 8601."""


async def history(git: Git, scratch: Path, commit: str, *, since: str, path: str | None) -> History:
    """Tags and messages, read from a clone beside the workspace that holds no file contents.

    Args:
        since: prefix of the tags that count as releases.
        path: only messages of commits that touch this folder.

    Raises:
        PermanentError: the history cannot be read; with git's message.
    """
    bare = git.beside(scratch)
    assert git.remote is not None
    url = git.remote.url
    try:
        await bare("init", "--quiet", "--bare", "--template=")
        await bare("fetch", "--quiet", "--filter=blob:none", url, commit, "+refs/tags/*:refs/tags/*")
        reached = (await bare("tag", "--merged", commit)).split()
        here = (await bare("tag", "--points-at", commit)).split()
        newest = _newest_stable(reached, since)
        span = f"refs/tags/{newest}..{commit}" if newest else commit
        scope = ("--", path) if path else ()
        bodies = await bare("log", "-z", "--format=%B", "--no-renames", span, *scope)
        date = (await bare("log", "-1", "--format=%cI", commit)).strip()
    except GitError as error:
        raise permanent(error, f"cannot read the history of {url}", "history_failed") from error
    return History(reached, here, [body for body in bodies.split("\0") if body.strip()], date)


async def push_tag(git: Git, scratch: Path, *, tag: str, commit: str, date: str) -> bool:
    """Push an annotated tag; ``False`` where the commit already carries it.

    The tag object depends on its name, commit and ``date`` alone, so a repeat pushes the same object.

    Raises:
        PermanentError: refused, or the tag names another commit.
    """
    checked_ref(f"refs/tags/{tag}")
    bare = git.beside(scratch)
    assert git.remote is not None
    who = {
        "GIT_COMMITTER_NAME": "Opsrail CI",
        "GIT_COMMITTER_EMAIL": "ci@opsrail.invalid",
        "GIT_COMMITTER_DATE": date,
    }
    try:
        listed = await bare("ls-remote", "--tags", git.remote.url, f"refs/tags/{tag}", f"refs/tags/{tag}^{{}}")
        there = [line.split("\t")[0] for line in listed.splitlines()]
        if commit in there:
            return False
        if there:
            raise PermanentError(f"the tag {tag} already names another commit", code="tag_taken")
        await bare("tag", "--annotate", "--force", "--message", tag, tag, commit, env=who)
        await bare("push", "--quiet", "--no-verify", git.remote.url, f"refs/tags/{tag}")
    except GitError as error:
        raise permanent(error, f"cannot push the tag {tag}", "tag_refused") from error
    return True


def _newest_stable(tags: list[str], prefix: str) -> str | None:
    version = latest(tags, prefix)
    return f"{prefix}{version}" if version else None
