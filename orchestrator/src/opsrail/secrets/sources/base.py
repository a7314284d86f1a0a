"""What every source is. ``resolver`` calls them."""

from typing import Protocol

from opsrail.secrets.references import Reference


class SourceUnavailable(Exception):
    """The value cannot be had: the source is away, refuses us, or has no such thing. Holds no secret."""


class Source(Protocol):
    """One kind of place where secrets live."""

    async def read(self, reference: Reference) -> str:
        """The value.

        Raises:
            SourceUnavailable: it cannot be had.
        """
