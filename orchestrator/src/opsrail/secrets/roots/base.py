"""What every root key can do. ``keyring`` and ``rotation`` call it."""

from dataclasses import dataclass
from typing import Protocol


class RootUnavailable(Exception):
    """The root key cannot be used now, or not by us: the message says why."""


@dataclass(frozen=True)
class Wrapped:
    """A data key as kept: which version of the root wrapped it, and the ciphertext."""

    version: str
    blob: bytes


class Root(Protocol):
    """A key-encryption key with versions. Every method raises ``RootUnavailable``."""

    async def current(self) -> str:
        """The version that wraps from now on."""

    async def wrap(self, key: bytes, *, context: str) -> Wrapped:
        """Encrypt a data key; the context is authenticated with it."""

    async def unwrap(self, wrapped: Wrapped, *, context: str) -> bytes:
        """The data key."""

    async def renew(self) -> bool:
        """Begin a new version where this root can; whether it did."""

    async def retire(self) -> None:
        """Forget every version but the current one, where they are ours to forget."""

    def first_data_key(self) -> bytes | None:
        """The key that sealed before there were data keys, which becomes the first of them."""
