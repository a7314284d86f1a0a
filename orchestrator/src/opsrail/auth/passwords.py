"""Passwords: Argon2id in threads, a bounded number at once, so that logins cannot eat the machine.

Parameters follow https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html. A hash made with
other parameters is renewed at the next login.
"""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from opsrail.auth.settings import AuthSettings
from opsrail.errors import FieldError, Invalid

SHORTEST, LONGEST = 12, 256
_AT_ONCE = 2


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self, settings: AuthSettings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.password_passes, memory_cost=settings.password_memory, parallelism=1
        )
        self._nobodys: str | None = None
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def hash(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, kept: str | None, password: str) -> bool:
        """Whether the password fits; without a kept hash the same work is done and the answer is no."""
        async with self._turns:
            if self._nobodys is None:  # at the first login, whoever's: a tenth of a second that no start need wait
                self._nobodys = await asyncio.to_thread(self._hasher.hash, "no such person")
            fits = await asyncio.to_thread(self._fits, kept or self._nobodys, password)
        return fits and kept is not None

    def outdated(self, kept: str) -> bool:
        """Whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)

    def _fits(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False


def check_new(password: str, email: str) -> None:
    """Raises ``Invalid`` where a new password is too easy to guess."""
    if not SHORTEST <= len(password) <= LONGEST:
        message = f"has {SHORTEST} to {LONGEST} characters"
    elif password.lower() in {email, email.partition("@")[0]} or len(set(password)) < 5:
        message = "is too easy to guess"
    else:
        return
    raise Invalid(f"the password {message}", code="password_weak", errors=[FieldError("password", message)])
