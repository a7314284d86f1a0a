"""Slows down whoever guesses passwords, keys and tokens. Kept in Redis, in the process while Redis is away.

After a few free tries each further one makes the next wait, twice as long each time up to a minute; a quarter of an
hour without a try forgets. A try is counted before it is checked, so that many at once gain nothing. A success takes
its own back: every try for the account at this address, and itself where others share the address, as an office does.
Nobody is locked out for good: waits are bounded, and an account under attack from elsewhere does not wait at an
address it has lately logged in from (see ``login``).
"""

import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from opsrail.errors import TooMany

log = structlog.get_logger()

MEMORY_SECONDS = 900
LONGEST_WAIT = 60
_LOCAL_LIMIT = 50_000

_ADMIT = """
local wait = 0
for i = 1, #KEYS do
  local left = redis.call('PTTL', KEYS[i] .. ':wait')
  if left > wait then wait = left end
end
if wait > 0 then return wait end
for i = 1, #KEYS do
  local tries = redis.call('INCR', KEYS[i])
  redis.call('EXPIRE', KEYS[i], tonumber(ARGV[#KEYS + 1]))
  local over = tries - tonumber(ARGV[i])
  if over > 0 then
    local pause = math.min(2 ^ math.min(over - 1, 20), tonumber(ARGV[#KEYS + 2]))
    redis.call('SET', KEYS[i] .. ':wait', 1, 'PX', math.floor(pause * 1000))
  end
end
return 0
"""

_TAKE_BACK = """
for _, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or '0') > 0 then redis.call('DECR', key) end
end
"""


@dataclass(frozen=True)
class Subject:
    """Whose tries are counted: an account at an address, an account, an address."""

    kind: str
    value: str
    free: int

    @property
    def key(self) -> str:
        return f"guess:{self.kind}:{hashlib.sha256(self.value.encode()).hexdigest()[:32]}"


class Guesses:
    """Counts tries per subject."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._script = redis.register_script(_ADMIT)
        self._taking_back = redis.register_script(_TAKE_BACK)
        self._tries: dict[str, tuple[int, float, float]] = {}
        """Per key: tries, when they are forgotten, until when to wait; monotonic seconds."""

    async def admit(self, subjects: Sequence[Subject]) -> None:
        """Count a try of each subject.

        Raises:
            TooMany: one of them must wait; nothing was counted.
        """
        wait = await self._wait(subjects)
        if wait > 0:
            seconds = max(1, math.ceil(wait))
            raise TooMany("too many tries; wait a little", code="slow_down", headers={"Retry-After": str(seconds)})

    async def forget(self, subjects: Sequence[Subject]) -> None:
        """A try was right: its subjects begin anew."""
        keys = [key for subject in subjects for key in (subject.key, f"{subject.key}:wait")]
        for key in keys:
            self._tries.pop(key, None)
        try:
            await self._redis.delete(*keys)
        except (RedisError, OSError, TimeoutError):
            log.debug("guesses.not_forgotten")

    async def take_back(self, subjects: Sequence[Subject]) -> None:
        """A try was right: it does not count, what was wrong before goes on counting."""
        for subject in subjects:
            if (kept := self._tries.get(subject.key)) and kept[0] > 0:
                self._tries[subject.key] = (kept[0] - 1, *kept[1:])
        try:
            await self._taking_back(keys=[subject.key for subject in subjects])
        except (RedisError, OSError, TimeoutError):
            log.debug("guesses.not_taken_back")

    async def _wait(self, subjects: Sequence[Subject]) -> float:
        keys = [subject.key for subject in subjects]
        arguments = [*(subject.free for subject in subjects), MEMORY_SECONDS, LONGEST_WAIT]
        try:
            return float(await self._script(keys=keys, args=arguments)) / 1000
        except (RedisError, OSError, TimeoutError):
            return self._wait_here(subjects)

    def _wait_here(self, subjects: Sequence[Subject]) -> float:
        now = time.monotonic()
        if len(self._tries) > _LOCAL_LIMIT:
            self._tries = {key: kept for key, kept in self._tries.items() if kept[1] > now}
        wait = max(self._tries.get(subject.key, (0, 0.0, 0.0))[2] - now for subject in subjects)
        if wait > 0:
            return wait
        for subject in subjects:
            tries, forgotten_at, _ = self._tries.get(subject.key, (0, 0.0, 0.0))
            tries = tries + 1 if forgotten_at > now else 1
            over = tries - subject.free
            pause = min(2.0 ** min(over - 1, 20), LONGEST_WAIT) if over > 0 else 0.0
            self._tries[subject.key] = (tries, now + MEMORY_SECONDS, now + pause)
        return 0
