"""Values of the secrets that a pipeline names, as far as the operator lets this change have them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from opsrail_ci.pipeline.model import Event, Step
from opsrail_ci.pipeline.plan import matches_any
from opsrail_ci.settings import CiConfig, Secret
from opsrail_sdk.context import ActionContext
from opsrail_sdk.errors import InvalidInput, NotFound


@dataclass(frozen=True)
class Granted:
    """A secret's value, and where it may go."""

    value: str
    images: tuple[str, ...] = ()


async def grant(
    ctx: ActionContext[CiConfig], names: Iterable[str], *, repository: str, event: Event, from_fork: bool
) -> dict[str, Granted]:
    """The secrets among ``names`` that this change may use; all are masked from here on.

    A pull request simply does without what it may not have, and the log says so.

    Raises:
        InvalidInput: a name that no operator declared, or that this repository or event may not use.
        NotFound: the connection holds no such value.
    """
    declared = {secret.name: secret for secret in ctx.config.secrets}
    granted: dict[str, Granted] = {}
    for name in sorted(set(names)):
        secret = declared.get(name)
        reason = _refusal(secret, repository, event, from_fork=from_fork)
        if reason is not None and event is Event.PULL_REQUEST:
            ctx.line(f"secret {name} is left out: {reason}", stream="system")
        elif secret is None or reason is not None:
            raise InvalidInput(f"secret {name} cannot be used: {reason}", code="secret_refused")
        else:
            connection = await ctx.connection(secret.connection)
            value = connection.secrets.get(secret.key)
            if not value:
                raise NotFound(f"connection {secret.connection} holds no secret called {secret.key}")
            ctx.mask(value)
            granted[name] = Granted(value, tuple(secret.images))
    return granted


def for_step(step: Step, granted: Mapping[str, Granted]) -> dict[str, str]:
    """Variables with the secrets that this step may see."""
    found = {variable: granted[name] for variable, name in step.secrets.items() if name in granted}
    return {
        variable: secret.value
        for variable, secret in found.items()
        if not secret.images or (step.image is not None and matches_any(step.image, secret.images))
    }


def _refusal(secret: Secret | None, repository: str, event: Event, *, from_fork: bool) -> str | None:
    if from_fork:
        return "a pull request from a fork gets no secrets"
    if secret is None:
        return "the operator declared no secret of this name"
    if not matches_any(repository, secret.repositories):
        return f"it is not for {repository}"
    if event not in secret.events:
        return f"it is not for {event.value}"
    return None
