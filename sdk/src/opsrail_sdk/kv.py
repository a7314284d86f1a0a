"""Key-value buckets: create, put with a time to live, and a watch that outlives server restarts.

Used through ``Bus.kv``. Written on JetStream's own messages, since nats-py's ``update`` takes no time to live
and its watcher ends for good when the server is away for longer than two of its heartbeats.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, KeyNotFoundError, NotFoundError
from nats.js.kv import KeyValue

from opsrail_sdk.errors import Unavailable
from opsrail_sdk.tasks import set_within

_WRONG_SEQUENCE = frozenset({10071, 10164})
_REFRESH = timedelta(seconds=20)
_AGAIN = timedelta(milliseconds=200)
_SOON = (timedelta(milliseconds=20), timedelta(milliseconds=200), timedelta(seconds=1))
"""Pauses after the word of a change that cannot be read yet: it is told before it is on disk."""

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True)
class Entry:
    """A value and the revision that a later ``put`` can insist on."""

    value: bytes
    revision: int


class Buckets:
    """All buckets of one connection; made by ``streams.ensure_streams``."""

    def __init__(self, client: Client, js: JetStreamContext) -> None:
        self._client = client
        self._js = js
        self._watchers: set[KeyValue.KeyWatcher] = set()
        self._followers: set[asyncio.Event] = set()

    async def refresh(self) -> None:
        """Begin every watch afresh; ``Bus`` calls it when the connection is back."""
        for follower in self._followers:
            follower.set()
        for watcher in tuple(self._watchers):
            await _stop(watcher)

    async def get(self, bucket: str, key: str) -> Entry | None:
        """The value under a key, or None.

        Raises:
            Unavailable: the bucket could not be read.
        """
        try:
            entry = await self._handle(bucket).get(key, validate_keys=False)
        except (KeyNotFoundError, NotFoundError):
            return None
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"bucket {bucket} could not be read") from error
        return Entry(entry.value or b"", entry.revision or 0)

    async def put(
        self,
        bucket: str,
        key: str,
        value: bytes,
        *,
        revision: int | None = None,
        ttl: timedelta | None = None,
    ) -> int | None:
        """Set a value; returns its revision.

        Args:
            revision: what the key must be at, 0 for not there. If it is not, nothing is written and the answer
                is None.
            ttl: the key goes away after this; whole seconds.

        Raises:
            Unavailable: the bucket could not be written.
        """
        headers: dict[str, str] = {}
        if revision is not None:
            headers[api.Header.EXPECTED_LAST_SUBJECT_SEQUENCE] = str(revision)
        if ttl is not None:
            headers[api.Header.MSG_TTL] = f"{max(1, round(ttl.total_seconds()))}s"
        try:
            ack = await self._js.publish(f"$KV.{bucket}.{key}", value, headers=headers)
        except APIError as error:
            if error.err_code in _WRONG_SEQUENCE:
                return None
            raise Unavailable(f"bucket {bucket} refused: {error.description}") from error
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"bucket {bucket} could not be written") from error
        return ack.seq

    async def create(self, bucket: str, key: str, value: bytes, *, ttl: timedelta | None = None) -> int | None:
        """Set a value only where there is none; None where there is one.

        Raises:
            Unavailable: the bucket could not be written.
        """
        created = await self.put(bucket, key, value, revision=0, ttl=ttl)
        if created is not None:
            return created
        tombstone = await self._tombstone(bucket, key)
        return None if tombstone is None else await self.put(bucket, key, value, revision=tombstone, ttl=ttl)

    async def delete(self, bucket: str, key: str) -> None:
        """Remove a key; its absence is no error.

        Raises:
            Unavailable: the bucket could not be written.
        """
        try:
            await self._handle(bucket).delete(key, validate_keys=False)
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"bucket {bucket} could not be written") from error

    async def follow(self, bucket: str, key: str) -> AsyncGenerator[bytes | None]:
        """One key's value (None where there is none), as it is now, and again after every change.

        Never ends by itself. Needs no consumer at the server, as ``watch`` does: the key's own messages say that
        it changed, and it is read again on each, when the connection comes back, and every 20 s.
        """
        heard = asyncio.Event()

        async def hear(_message: Msg) -> None:
            heard.set()

        subscription = await self._client.subscribe(f"$KV.{bucket}.{key}", cb=hear)
        self._followers.add(heard)
        try:
            shown: Entry | None = None
            begun, pauses = False, iter(_SOON)
            while True:
                try:
                    entry = await self.get(bucket, key)
                except Unavailable as error:
                    log.debug("follow_again", bucket=bucket, error=str(error))
                    await asyncio.sleep(_AGAIN.total_seconds())
                    continue
                if not begun or entry != shown:
                    begun, shown, pauses = True, entry, iter(())
                    yield entry.value if entry else None
                if await set_within(next(pauses, _REFRESH), heard):
                    heard.clear()
                    pauses = iter(_SOON)
        finally:
            self._followers.discard(heard)
            with suppress(NatsError):
                await subscription.unsubscribe()

    async def watch(
        self, bucket: str, keys: str = ">", *, lifetime: timedelta | None = None
    ) -> AsyncGenerator[dict[str, bytes]]:
        """All keys that match, as they are now, and again after every change.

        Never ends by itself. It begins afresh when the connection comes back, and after 20 s without a change,
        so what was missed shows in the next answer. Equal answers are not repeated.

        Args:
            lifetime: a key that was not written for this long is gone, whatever the server says.
        """
        shown: dict[str, bytes] | None = None
        while True:
            try:
                async with aclosing(self._watch_once(bucket, keys, lifetime)) as states:
                    async for state in states:
                        if state != shown:
                            shown = dict(state)
                            yield dict(state)
            except (NatsError, TimeoutError) as error:
                log.debug("watch_again", bucket=bucket, error=repr(error))
                await asyncio.sleep(_AGAIN.total_seconds())

    async def _watch_once(
        self, bucket: str, keys: str, lifetime: timedelta | None
    ) -> AsyncGenerator[dict[str, bytes]]:
        watcher = await self._handle(bucket).watch(keys)
        self._watchers.add(watcher)
        state: dict[str, bytes] = {}
        written = _Ages(lifetime)
        complete = False
        try:
            empty = await _is_empty(watcher)
            while True:
                patience = min(_REFRESH, written.next_end())
                try:
                    entry: KeyValue.Entry | None = await watcher.updates(  # type: ignore[no-untyped-call]
                        timeout=patience.total_seconds()
                    )
                except NatsTimeoutError:
                    ended = written.ended()
                    if not ended and patience == _REFRESH:
                        raise
                    for key in ended:
                        state.pop(key, None)
                    if complete:
                        yield state
                    continue
                if entry is None:
                    complete = complete or empty
                elif not isinstance(entry, KeyValue.Entry):
                    return
                else:
                    if entry.operation is None:
                        state[entry.key] = entry.value or b""
                        written.note(entry.key)
                    else:
                        state.pop(entry.key, None)
                    complete = complete or not entry.delta
                if complete:
                    yield state
        finally:
            self._watchers.discard(watcher)
            await _stop(watcher)

    async def _tombstone(self, bucket: str, key: str) -> int | None:
        try:
            await self._handle(bucket).get(key, validate_keys=False)
        except KeyNotFoundError as error:
            return error.entry.revision if error.entry else 0
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"bucket {bucket} could not be read") from error
        return None

    def _handle(self, bucket: str) -> KeyValue:
        return KeyValue(name=bucket, stream=f"KV_{bucket}", pre=f"$KV.{bucket}.", js=self._js, direct=True)


class _Ages:
    """When keys were last written, and which of them outlived their time."""

    def __init__(self, lifetime: timedelta | None) -> None:
        self._lifetime = lifetime
        self._written: dict[str, float] = {}

    def note(self, key: str) -> None:
        if self._lifetime is not None:
            self._written.pop(key, None)
            self._written[key] = time.monotonic()

    def next_end(self) -> timedelta:
        """Time until the oldest key ends."""
        if self._lifetime is None or not self._written:
            return _REFRESH
        left = next(iter(self._written.values())) - time.monotonic()
        return max(timedelta(milliseconds=1), self._lifetime + timedelta(seconds=left))

    def ended(self) -> list[str]:
        if self._lifetime is None:
            return []
        before = time.monotonic() - self._lifetime.total_seconds()
        gone = [key for key, at in self._written.items() if at <= before]
        for key in gone:
            del self._written[key]
        return gone


async def _is_empty(watcher: KeyValue.KeyWatcher) -> bool:
    """Whether a watch that just began has nothing to show.

    nats-py's own mark of that cannot be believed: it comes as well where the server has sent everything already and
    none of it was taken off the connection yet. The last entry is known by its ``delta``, what is left behind it.
    """
    info = await watcher._sub.consumer_info()  # type: ignore[union-attr]  # noqa: SLF001
    sent = info.delivered.consumer_seq if info.delivered else 0
    return not info.num_pending and not sent


async def _stop(watcher: KeyValue.KeyWatcher) -> None:
    with suppress(NatsError):
        await watcher.stop()  # type: ignore[no-untyped-call]
