"""Where the stack's servers are. Light: `supervisor.py` reads it before anything is started."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

_DATABASE = ("postgresql", "postgresql+psycopg")
_NATS = ("nats", "tls", "ws", "wss")
SCHEMES = {
    "database_url": _DATABASE,
    "migration_url": _DATABASE,
    "redis_url": ("redis", "rediss", "unix"),
    "nats_url": _NATS,
    "agent_nats_url": _NATS,
}


@dataclass(frozen=True)
class Endpoints:
    """Where the stack's servers are. The database addresses are SQLAlchemy's, for psycopg."""

    database_url: str
    migration_url: str
    redis_url: str
    nats_url: str
    agent_nats_url: str


@dataclass(frozen=True)
class External:
    """Addresses of servers run by somebody else; None where the embedded one is wanted."""

    database_url: str | None = None
    migration_url: str | None = None
    redis_url: str | None = None
    nats_url: str | None = None
    agent_nats_url: str | None = None
    nats_credentials: str | None = None
    nats_signing_seed: str | None = field(default=None, repr=False)
    nats_account: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read `OPSRAIL_` and a field's name in capitals, for each; an empty one counts as absent.

        Raises:
            ValueError: an address is none, or the files of `OPSRAIL_TLS_…` are no good.
        """
        given = {name: environment.get(f"OPSRAIL_{name.upper()}") or None for name in cls.__annotations__}
        for name, schemes in SCHEMES.items():
            _check(f"OPSRAIL_{name.upper()}", given[name], schemes)
        databases = {name: url for name in ("database_url", "migration_url") if (url := given[name])}
        if databases or any(name.startswith("OPSRAIL_TLS_") for name in environment):
            from opsrail.tls import database_url, tls_from_environment  # noqa: PLC0415 - slow, and seldom needed

            tls = tls_from_environment(environment)
            given |= {name: database_url(url, tls) for name, url in databases.items()}
        return cls(**given)


def _check(variable: str, url: str | None, schemes: tuple[str, ...]) -> None:
    """Refuse what is no address, which may hold a password and is not repeated; NATS takes several, by commas."""
    beginnings = tuple(f"{scheme}://" for scheme in schemes)
    for part in (url.split(",") if schemes is _NATS else [url]) if url else []:
        if not part.startswith(beginnings) or any(character.isspace() for character in part):
            raise ValueError(f"{variable} is no address such as {schemes[0]}://LOGIN:PASSWORD@HOST:PORT")
