"""Errors an agent raises. The type tells the runtime what happens next; the message is shown to people."""

from datetime import timedelta


class AgentError(Exception):
    """Base. ``code`` is stable and machine-readable; ``detail`` is JSON-ready and holds no secrets."""

    code = "agent_error"

    def __init__(self, message: str, *, code: str | None = None, detail: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code or type(self).code
        self.detail = detail


class RetryableError(AgentError):
    """Try again later: with back-off, or after ``retry_after`` where the other side said so."""

    code = "retryable"

    def __init__(
        self,
        message: str,
        *,
        retry_after: timedelta | None = None,
        code: str | None = None,
        detail: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message, code=code, detail=detail)
        self.retry_after = retry_after


class RateLimited(RetryableError):
    """The other side asked us to slow down."""

    code = "rate_limited"


class Unavailable(RetryableError):
    """The other side could not be reached, or answered with its own fault."""

    code = "unavailable"


class PermanentError(AgentError):
    """Trying again cannot help."""

    code = "permanent"


class InvalidInput(PermanentError):
    """The input, or a file that it leads to, is wrong."""

    code = "invalid_input"


class NotFound(PermanentError):
    """What the input names does not exist, or we may not see it."""

    code = "not_found"


class Refused(PermanentError):
    """The other side understood and said no; or a capability did not hold."""

    code = "refused"


class ApprovalRequired(AgentError):
    """Not a fault: a person has to agree before this goes on."""

    code = "approval_required"


class SetupError(AgentError):
    """The agent cannot work as configured; it reports ``failing`` until that changes."""

    code = "setup"


class NotReady(SetupError):
    """Something that the agent stands on is not there yet."""

    code = "not_ready"


class CredentialsRejected(SetupError):
    """The other side does not accept our credentials."""

    code = "credentials_rejected"


class ConfigInvalid(SetupError):
    """The configuration does not fit its schema."""

    code = "config_invalid"


def by_code(code: str, message: str) -> AgentError:
    """The error that a code stands for, as it arrives from another agent; unknown codes become the base."""
    known: dict[str, type[AgentError]] = {
        kind.code: kind
        for kind in (RetryableError, RateLimited, Unavailable, PermanentError, InvalidInput, NotFound, Refused)
    }
    known |= {
        kind.code: kind for kind in (ApprovalRequired, SetupError, NotReady, CredentialsRejected, ConfigInvalid)
    }
    return known.get(code, AgentError)(message, code=code)
