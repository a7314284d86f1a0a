"""The engine's decisions, without clock, database or event loop. Used by ``context``; tested by itself."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from opsrail.durable.errors import FlowError


@dataclass(frozen=True, kw_only=True)
class Retry:
    """When a failed attempt is followed by another one: exponential back-off with full jitter.

    The wait before attempt ``n + 1`` is uniform between zero and ``base * 2 ** (n - 1)``, at most ``limit``
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), and never shorter than what the
    other side asked for.
    """

    attempts: int = 5
    base: timedelta = timedelta(milliseconds=500)
    limit: timedelta = timedelta(minutes=1)

    def pause(self, attempt: int, *, retry_after: timedelta | None = None, chance: float | None = None) -> timedelta:
        """Wait after this attempt, the first being 1.

        Args:
            chance: between 0 and 1; drawn where left out.
        """
        drawn = random.random() if chance is None else chance  # noqa: S311
        longest = min(self.base * (1 << min(attempt - 1, 40)), self.limit)
        return max(longest * drawn, retry_after or timedelta(0))


CANCEL = "cancel"
"""Kind of the entry that says where a branch was told that its flow is cancelled."""
NO_RETRY = Retry(attempts=1)


@dataclass(frozen=True)
class Entry:
    """What the journal knows of an operation. Open until ``finished``; ``wake_at`` is when an open one goes on."""

    key: str
    kind: str
    attempt: int = 0
    wake_at: datetime | None = None
    result: Any = None
    error: dict[str, Any] | None = None
    finished: bool = False


@dataclass(frozen=True)
class Replay:
    """It was done: give this again, or raise ``error``."""

    result: Any
    error: dict[str, Any] | None


@dataclass(frozen=True)
class Wait:
    """Not before this time."""

    until: datetime


@dataclass(frozen=True)
class Perform:
    """Go, as this attempt."""

    attempt: int


class Book:
    """The journal of one flow in memory, and the names that its operations take."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = {entry.key: entry for entry in entries}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._taken: set[str] = set()

    def named(self, branch: str, kind: str, name: str, *, expect: str | None = None) -> str:
        """Key of an operation that the author named.

        Raises:
            FlowError: the name was used before, or the journal has another kind of operation under it.
        """
        key = f"{branch}{name}"
        if key in self._taken:
            raise FlowError(f"the name {name!r} is used twice; names must be unique within a flow")
        self._taken.add(key)
        known = self._entries.get(key)
        if known is not None and known.kind != kind:
            raise FlowError(f"the journal has {name!r} as a {known.kind}, the code as a {kind}")
        return key

    def counted(self, branch: str, kind: str) -> str:
        """Key of an operation without a name: the how-many-eth of its kind in its branch."""
        self._counts[branch, kind] += 1
        return self.named(branch, kind, f"{kind}#{self._counts[branch, kind]}")

    def find(self, key: str) -> Entry | None:
        return self._entries.get(key)

    def cancelled_near(self, branch: str) -> bool:
        """Whether this branch was told of a cancel, or one that it came from, or one that came from it."""
        told = (key.removesuffix(CANCEL) for key, entry in self._entries.items() if entry.kind == CANCEL)
        return any(other.startswith(branch) or branch.startswith(other) for other in told)

    def note(self, entry: Entry) -> None:
        """Take note of what was journalled.

        Raises:
            FlowError: it was finished before.
        """
        known = self._entries.get(entry.key)
        if known is not None and known.finished:
            raise FlowError(f"{entry.key!r} was finished before")
        self._entries[entry.key] = entry

    def decide(self, key: str, now: datetime) -> Replay | Wait | Perform:
        """What to do about an operation."""
        known = self._entries.get(key)
        if known is None:
            return Perform(1)
        if known.finished:
            return Replay(known.result, known.error)
        if known.wake_at is not None and known.wake_at > now:
            return Wait(known.wake_at)
        return Perform(known.attempt + 1)


@dataclass
class Branches:
    """Tells when nothing of a flow is running any more: every branch waits for the clock or a signal."""

    live: int = 1
    parked: dict[int, datetime | None] = field(default_factory=dict)
    """Wake-up time by ticket; None waits for a signal alone."""
    _tickets: int = 0

    def park(self, until: datetime | None) -> int:
        self._tickets += 1
        self.parked[self._tickets] = until
        return self._tickets

    def unpark(self, ticket: int) -> None:
        self.parked.pop(ticket, None)

    def split(self, count: int) -> None:
        """A branch waits for ``count`` others."""
        self.live += count - 1

    def end(self) -> None:
        """One of several branches has come to its end."""
        self.live -= 1

    def join(self) -> None:
        """The branch that waited goes on."""
        self.live += 1

    @property
    def idle(self) -> bool:
        return self.live > 0 and len(self.parked) == self.live

    @property
    def next_wake(self) -> datetime | None:
        """The earliest time at which a parked branch goes on by itself."""
        return min((until for until in self.parked.values() if until is not None), default=None)
