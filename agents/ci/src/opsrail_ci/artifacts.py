"""Files that a pipeline wants kept: found without leaving the workspace, stored with digest and expiry."""

import asyncio
import gzip
import mimetypes
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pathspec

from opsrail_ci.pipeline.model import Artifact
from opsrail_sdk.context import ActionContext
from opsrail_sdk.contracts.run import ArtifactStored
from opsrail_sdk.errors import PermanentError, RetryableError

_ATTEMPTS = 3


@dataclass(frozen=True)
class Kept:
    """A stored artifact and the workspace path it came from."""

    path: str
    stored: ArtifactStored


def find(workspace: Path, patterns: list[str]) -> tuple[list[str], list[str]]:
    """Relative paths that fit the patterns, sorted: regular files, and symbolic links, which are not followed."""
    spec = pathspec.GitIgnoreSpec.from_lines(patterns)
    found = sorted(path for path in _files(workspace) if spec.match_file(path))
    links = {path for path in found if (workspace / path).is_symlink()}
    return [path for path in found if path not in links], sorted(links)


async def keep(
    ctx: ActionContext[Any], workspace: Path, artifact: Artifact, *, prefix: str, default: timedelta, max_files: int
) -> list[Kept]:
    """Store what ``artifact`` asks for; nothing half-written is ever announced.

    Args:
        prefix: put before every name, to tell the jobs of a matrix apart.

    Raises:
        PermanentError: required files are missing, there are too many, or the store cannot take them.
    """
    wanted = ", ".join(artifact.paths)
    paths, links = await asyncio.to_thread(find, workspace, list(artifact.paths))
    if links:
        more = f" and {len(links) - 1} more" if len(links) > 1 else ""
        ctx.line(f"artifact {wanted}: symbolic links are not kept: {links[0]}{more}", stream="system")
    if not paths:
        if artifact.required:
            raise PermanentError(f"no file fits the artifact {wanted}", code="pipeline_failed")
        ctx.line(f"artifact {wanted}: no file fits", stream="system")
        return []
    if len(paths) > max_files and artifact.name is None:
        raise PermanentError(
            f"the artifact {wanted} has {len(paths)} files; {max_files} are kept at most, unless it has a name",
            code="pipeline_failed",
        )
    lifetime = artifact.keep or default
    if artifact.name is not None:
        packed = ctx.workdir / "artifacts" / f"{artifact.name}.tar.gz"
        await _pack(workspace, paths, packed)
        stored = await _store(ctx, packed, f"{prefix}{packed.name}", "application/gzip", lifetime)
        packed.unlink()
        return [Kept(packed.name, stored)]
    return [
        Kept(path, await _store(ctx, workspace / path, f"{prefix}{path}", _media_type(path), lifetime))
        for path in paths
    ]


async def _store(
    ctx: ActionContext[Any], path: Path, name: str, media_type: str, lifetime: timedelta
) -> ArtifactStored:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            stored = await ctx.store_artifact(path, name=name, media_type=media_type, keep=lifetime)
        except (RetryableError, OSError) as error:
            if attempt == _ATTEMPTS:
                raise PermanentError(
                    f"the artifact {name} could not be stored: {error}", code="artifact_not_stored"
                ) from error
            ctx.line(f"storing {name} failed, trying again: {error}", stream="system")
            await asyncio.sleep(attempt)
        else:
            ctx.line(f"kept {name} ({stored.size} bytes, {stored.digest})", stream="system")
            return stored
    raise AssertionError("unreachable")


def _files(workspace: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(workspace):
        base = Path(folder)
        if base == workspace and ".git" in folders:
            folders.remove(".git")
        for name in (*names, *folders):
            path = base / name
            if path.is_symlink() or path.is_file():
                yield path.relative_to(workspace).as_posix()


async def _pack(workspace: Path, paths: list[str], target: Path) -> None:
    try:
        await asyncio.to_thread(_write_tar, workspace, paths, target)
    except OSError as error:
        raise PermanentError(f"cannot pack {target.name}: {error.strerror}", code="artifact_not_stored") from error


def _write_tar(workspace: Path, paths: list[str], target: Path) -> None:
    """The same files give the same bytes: fixed times and owners."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        target.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for path in paths:
            entry = tar.gettarinfo(workspace / path, arcname=path)
            entry.mtime = 0
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            with (workspace / path).open("rb") as content:
                tar.addfile(entry, content)


def _media_type(path: str) -> str:
    guessed, encoding = mimetypes.guess_type(path)
    if encoding == "gzip":
        return "application/gzip"
    return "application/zip" if path.endswith(".whl") else guessed or "application/octet-stream"
