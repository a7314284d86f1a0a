"""Rate limits per caller: a fixed window of one minute in Redis, in the process while Redis is away."""

import time
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from opsrail.errors import TooMany

log = structlog.get_logger()

WINDOW_SECONDS = 60
_LOCAL_LIMIT = 10_000


@dataclass(frozen=True)
class Verdict:
    """How a caller stands after one more request. Header names follow the ``X-RateLimit-*`` habit."""

    limit: int
    used: int
    reset_seconds: int

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - self.used)),
            "X-RateLimit-Reset": str(self.reset_seconds),
        }

    def enforce(self) -> None:
        """Raises ``TooMany`` past the limit."""
        if self.used > self.limit:
            headers = {**self.headers(), "Retry-After": str(self.reset_seconds)}
            raise TooMany(f"more than {self.limit} requests in a minute", headers=headers)


class RateLimiter:
    """Counts requests per key and minute."""

    def __init__(self, redis: Redis, per_minute: int) -> None:
        self._redis = redis
        self._limit = per_minute
        self._local: dict[tuple[str, int], int] = {}
        self._away = False

    async def hit(self, key: str) -> Verdict:
        """Count one request of ``key``. Never raises: a limiter that is down must not take the API with it."""
        now = time.time()
        window = int(now) // WINDOW_SECONDS
        reset = int((window + 1) * WINDOW_SECONDS - now) + 1
        try:
            pipe = self._redis.pipeline(transaction=False)
            name = f"rate:{key}:{window}"
            pipe.incr(name)
            pipe.expire(name, WINDOW_SECONDS * 2)
            used = int((await pipe.execute())[0])
            if self._away:
                self._away = False
                log.info("redis.back")
        except (RedisError, OSError, TimeoutError):
            if not self._away:
                self._away = True
                log.warning("redis.away", effect="limits count per process")
            used = self._count_here(key, window)
        return Verdict(self._limit, used, reset)

    def _count_here(self, key: str, window: int) -> int:
        if len(self._local) > _LOCAL_LIMIT:
            self._local = {item: count for item, count in self._local.items() if item[1] == window}
        self._local[key, window] = used = self._local.get((key, window), 0) + 1
        return used
