"""Rate limits per address, caller and organisation: a fixed window of one minute in Redis, in the process while
Redis is away. Called by ``auth.dependencies`` for every request.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from opsrail.batching import Batching
from opsrail.errors import TooMany

log = structlog.get_logger()

WINDOW_SECONDS = 60
_AWAY_SECONDS = 1.0
"""How long a Redis that failed is left alone, so that its absence costs few requests a timeout."""
_BATCH = 200
"""Requests that are counted together; each learns how it stands as if it had been counted alone."""
_LOCAL_LIMIT = 10_000


@dataclass(frozen=True)
class Counted:
    """Something that a request counts against: ``address:<ip>``, ``caller:<org>:<id>``, ``organisation:<org>``."""

    key: str
    limit: int


@dataclass(frozen=True)
class Verdict:
    """How the nearest of a request's limits stands. Header names follow the ``X-RateLimit-*`` habit."""

    limit: int
    used: int
    reset_seconds: int
    key: str = ""

    @property
    def exceeded(self) -> bool:
        return self.used > self.limit

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - self.used)),
            "X-RateLimit-Reset": str(self.reset_seconds),
        }

    def enforce(self) -> None:
        """Raises ``TooMany`` past the limit."""
        if self.exceeded:
            headers = {**self.headers(), "Retry-After": str(self.reset_seconds)}
            what = self.key.partition(":")[0]
            raise TooMany(f"more than {self.limit} requests in a minute for this {what}", headers=headers)


class RateLimiter:
    """Counts requests per key and minute."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._hits = Batching(self._count_all, limit=_BATCH)
        self._local: dict[str, int] = {}
        self._away_until: float | None = None

    async def hit(self, counted: Sequence[Counted]) -> Verdict:
        """Count one request against each; the verdict is that of the limit that is nearest to its end.

        Never raises: a limiter that is down must not take the API with it.
        """
        now = time.time()
        window = int(now) // WINDOW_SECONDS
        reset = int((window + 1) * WINDOW_SECONDS - now) + 1
        used = await self._hits([f"{item.key}:{window}" for item in counted])
        nearest = min(range(len(counted)), key=lambda index: 1 - used[index] / counted[index].limit)
        item = counted[nearest]
        return Verdict(item.limit, used[nearest], reset, item.key)

    async def _count_all(self, requests: Sequence[Sequence[str]]) -> list[list[int]]:
        """How often each key of each request was used, that request included."""
        more = Counter(key for keys in requests for key in keys)
        used = await self._add(more)
        seen = {key: used[key] - count for key, count in more.items()}
        answers = []
        for keys in requests:
            for key in keys:
                seen[key] += 1
            answers.append([seen[key] for key in keys])
        return answers

    async def _add(self, more: Mapping[str, int]) -> dict[str, int]:
        if self._away_until is None or self._away_until < time.monotonic():
            try:
                pipe = self._redis.pipeline(transaction=False)
                for key, count in more.items():
                    pipe.incrby(f"rate:{key}", count)
                    pipe.expire(f"rate:{key}", WINDOW_SECONDS * 2)
                used = (await pipe.execute())[::2]
            except (RedisError, OSError, TimeoutError):
                if self._away_until is None:
                    log.warning("redis.away", effect="limits count per process")
                self._away_until = time.monotonic() + _AWAY_SECONDS
            else:
                if self._away_until is not None:
                    self._away_until = None
                    log.info("redis.back")
                return {key: int(count) for key, count in zip(more, used, strict=True)}
        return self._add_here(more)

    def _add_here(self, more: Mapping[str, int]) -> dict[str, int]:
        if len(self._local) > _LOCAL_LIMIT:
            window = f":{int(time.time()) // WINDOW_SECONDS}"
            self._local = {key: count for key, count in self._local.items() if key.endswith(window)}
        for key, count in more.items():
            self._local[key] = self._local.get(key, 0) + count
        return {key: self._local[key] for key in more}
