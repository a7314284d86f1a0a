"""The working tree of a local repository as a source for a run. Called by ``opsrail ci run``."""

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path

from opsrail_ci.git import Git, GitError
from opsrail_ci.pipeline.model import Event
from opsrail_ci.pipeline.plan import Facts
from opsrail_sdk.errors import InvalidInput

_LIMIT = timedelta(minutes=5)


async def copy(repository: Path, target: Path, *, event: Event) -> Facts:
    """Copy tracked and new files, changed or not, without what is ignored; tell what they are.

    Raises:
        InvalidInput: no git repository, or one without a commit.
    """
    git = Git(repository, None, home=target.parent, timeout=_LIMIT)
    try:
        top = Path((await git("rev-parse", "--show-toplevel")).strip())
        if not (commit := await _head(git)):
            raise InvalidInput(f"{repository} has no commit yet: commit something first")
        ref = (await git("rev-parse", "--symbolic-full-name", "HEAD")).strip()
        listed = await Git(top, None, home=target.parent, timeout=_LIMIT)(
            "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"
        )
    except GitError as error:
        raise InvalidInput(f"{repository} cannot be run: {error}") from error
    await asyncio.to_thread(_copy, top, target, [name for name in listed.split("\0") if name])
    return Facts(
        repository=top.name,
        ref=ref if ref.startswith("refs/") else "refs/heads/HEAD",
        commit=commit,
        event=event,
    )


async def _head(git: Git) -> str | None:
    try:
        return (await git("rev-parse", "--verify", "--quiet", "HEAD")).strip()
    except GitError:
        return None


def _copy(top: Path, target: Path, names: list[str]) -> None:
    target.mkdir(parents=True)
    for name in names:
        source = top / name
        if source.is_symlink() or source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)
