"""What one orchestrator process holds. ``app`` builds it; routes and workers take from it what they need."""

from dataclasses import dataclass

from redis.asyncio import Redis
from starlette.requests import HTTPConnection

from opsrail.audit.refusals import Refusals
from opsrail.audit.signatory import Signatory
from opsrail.auth.authenticator import Authenticator
from opsrail.auth.guesses import Guesses
from opsrail.auth.passwords import Passwords
from opsrail.db.engine import Database
from opsrail.ratelimit import RateLimiter
from opsrail.runs.lane import Lane
from opsrail.sealing import Sealer
from opsrail.secrets.keyring import Keyring
from opsrail.secrets.resolver import Resolver
from opsrail.settings import Settings
from opsrail.signing import Signer
from opsrail.stream.hints import Hints
from opsrail.stream.owners import Owners
from opsrail_sdk.bus import Bus


@dataclass
class Container:
    """Long-lived parts of the process, made at start and closed at its end."""

    settings: Settings
    database: Database
    redis: Redis
    bus: Bus
    sealer: Sealer
    """Of the instance; ``keyring`` has one for each organisation."""
    keyring: Keyring
    resolver: Resolver
    authenticator: Authenticator
    limiter: RateLimiter
    guesses: Guesses
    passwords: Passwords
    signer: Signer
    hints: Hints
    owners: Owners
    lane: Lane
    refusals: Refusals
    signatory: Signatory


def container_of(connection: HTTPConnection) -> Container:
    """The process's container, from a request."""
    container = connection.app.state.container
    assert isinstance(container, Container)
    return container
