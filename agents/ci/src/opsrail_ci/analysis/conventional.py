"""The next version by conventional commits. Pure; called by the run and by ``tag_version``.

Sources: https://www.conventionalcommits.org/en/v1.0.0/ and https://semver.org/spec/v2.0.0.html
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

import semver

_HEADER = re.compile(r"^(?P<type>[A-Za-z]+)(?:\([^()\r\n]*\))?(?P<breaking>!)?: \S")
_BREAKING = re.compile(r"^BREAKING[ -]CHANGE: \S", re.MULTILINE)
_PATCH_TYPES = frozenset({"fix", "perf", "revert"})


class Bump(IntEnum):
    """How far a change moves the version."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3


@dataclass(frozen=True)
class Next:
    """The version that a commit deserves. ``current`` is ``None`` where nothing was tagged before."""

    current: str | None
    version: str
    bump: Bump
    tag: str

    @property
    def changed(self) -> bool:
        """Whether there is anything to release."""
        return self.version != self.current


def bump_of(message: str) -> Bump:
    """What one commit message asks for; nothing where it does not follow the convention."""
    lines = message.strip().splitlines()
    header = _HEADER.match(lines[0]) if lines else None
    if header is None:
        return Bump.NONE
    if header["breaking"] or _BREAKING.search("\n".join(lines[1:])):
        return Bump.MAJOR
    kind = header["type"].lower()
    if kind == "feat":
        return Bump.MINOR
    return Bump.PATCH if kind in _PATCH_TYPES else Bump.NONE


def latest(tags: Iterable[str], prefix: str, *, prereleases: bool = False) -> semver.Version | None:
    """The highest version among tags that begin with ``prefix``."""
    versions = []
    for tag in tags:
        text = tag.removeprefix(prefix)
        if tag.startswith(prefix) and semver.Version.is_valid(text):
            version = semver.Version.parse(text)
            if prereleases or not version.prerelease:
                versions.append(version)
    return max(versions, default=None)


def next_version(
    tags: Iterable[str],
    messages: Iterable[str],
    *,
    prefix: str = "v",
    channel: str | None = None,
    initial: str = "0.1.0",
    at_commit: Iterable[str] = (),
) -> Next:
    """The next version after the highest stable tag.

    While the major version is 0, a breaking change moves the minor version (semver, item 4).

    Args:
        tags: tags that can be reached from the commit.
        messages: commit messages since the highest stable tag.
        channel: pre-release channel; ``rc`` gives ``1.3.0-rc.1``, then ``-rc.2``.
        initial: the first version, where no stable tag exists.
        at_commit: tags of the commit itself; the highest of them is its version, so a repeat changes nothing.
    """
    if here := latest(at_commit, prefix, prereleases=True):
        return Next(str(here), str(here), Bump.NONE, f"{prefix}{here}")
    known = list(tags)
    stable = latest(known, prefix)
    bump = max((bump_of(message) for message in messages), default=Bump.NONE)
    if stable is None:
        target = semver.Version.parse(initial)
    elif bump is Bump.NONE:
        return Next(str(stable), str(stable), bump, f"{prefix}{stable}")
    else:
        target = _bumped(stable, bump)
    if channel:
        target = _in_channel(target, channel, known, prefix)
    return Next(str(stable) if stable else None, str(target), bump, f"{prefix}{target}")


def _bumped(version: semver.Version, bump: Bump) -> semver.Version:
    if bump is Bump.MAJOR and version.major > 0:
        return version.bump_major()
    if bump >= Bump.MINOR:
        return version.bump_minor()
    return version.bump_patch()


def _in_channel(target: semver.Version, channel: str, tags: list[str], prefix: str) -> semver.Version:
    taken = re.compile(rf"^{re.escape(prefix)}{re.escape(str(target))}-{re.escape(channel)}\.(\d+)$")
    numbers = [int(match[1]) for tag in tags if (match := taken.match(tag))]
    return target.replace(prerelease=f"{channel}.{max(numbers, default=0) + 1}")
