"""What we ask of a forge, and in which words. Vendors' words and errors stay inside their adapter."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pydantic import SecretStr


class CommitState(StrEnum):
    """Result of a pipeline as a commit shows it."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class CommitStatus:
    """One line beside a commit. The same ``context`` again replaces the line."""

    repository: str
    commit: str
    ref: str
    state: CommitState
    context: str
    description: str
    target_url: str | None = None


@dataclass(frozen=True)
class GitLogin:
    """How git logs in at this forge over HTTP."""

    username: str
    password: SecretStr


class Forge(Protocol):
    """A place where repositories live."""

    def login(self) -> GitLogin | None:
        """For clone and push; ``None`` where the connection has no credentials."""
        ...

    async def set_status(self, status: CommitStatus) -> None:
        """Show a result beside a commit.

        Raises:
            CredentialsRejected: the forge does not accept our token.
            Refused: it understood and said no.
            Unavailable: it could not be reached, or failed itself.
        """
        ...
