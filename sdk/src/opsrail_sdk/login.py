"""How a process logs in to the bus: its credential file, TLS, and what happens when the server says no.

Made by ``runtime`` from an agent's settings and by the orchestrator from its own; used by ``Bus.connect``.
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from nats.aio.client import Client
from nats.errors import AuthorizationError
from nats.errors import Error as NatsError

from opsrail_sdk.errors import ConfigInvalid
from opsrail_sdk.tls import client_context

RENEWAL_PERIOD = timedelta(seconds=10)
"""Between two looks at the credential file."""

_REFUSAL = re.compile(r"permissions violation for (publish|subscription) to \"?'?([^\s\"']+)", re.IGNORECASE)
_EXPIRED = ("authorization violation", "authentication expired", "authentication revoked", "account authentication")


class Refusal(NamedTuple):
    """Something that the server kept us from. ``operation`` is ``publish`` or ``subscription``."""

    operation: str
    subject: str


@dataclass(frozen=True)
class Login:
    """Nothing set: login and password stand in the address, or the server wants none.

    Attributes:
        credentials: a file that holds an NKEY seed, or a ``.creds`` file with a JWT and its seed. A ``.creds``
            file is read anew at every reconnect, so a renewed one needs no restart.
        tls: verifies the server; with it a server that offers no TLS is refused.
    """

    credentials: Path | None = None
    tls: ssl.SSLContext | None = None

    def options(self) -> dict[str, Any]:
        """Arguments of ``Client.connect``.

        Raises:
            ConfigInvalid: the credential file cannot be read or holds no credential.
        """
        options: dict[str, Any] = {"tls": self.tls} if self.tls else {}
        if self.credentials is None:
            return options
        try:
            text = self.credentials.read_text()
        except OSError as error:
            raise ConfigInvalid(f"the credential file {self.credentials}: {error.strerror}") from error
        if "BEGIN NATS USER JWT" in text:
            return options | {"user_credentials": str(self.credentials)}
        if not text.startswith("SU"):
            raise ConfigInvalid(f"{self.credentials} holds neither an NKEY seed of a user nor NATS credentials")
        return options | {"nkeys_seed": str(self.credentials)}


def login_for(
    url: str,
    credentials: Path | None,
    *,
    ca: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
) -> Login:
    """TLS is spoken where the address begins with ``tls://``; then nothing is ever sent in the clear.

    Raises:
        ConfigInvalid: a file is missing or is not what it should be.
    """
    return Login(credentials, client_context(ca, certificate, key) if url.startswith("tls://") else None)


async def follow_renewals(credentials: Path, renewed: Callable[[], Awaitable[None]]) -> None:
    """Call ``renewed`` each time the file was replaced, until cancelled; a file that is gone is no renewal."""
    seen = _changed_at(credentials)
    while True:
        await asyncio.sleep(RENEWAL_PERIOD.total_seconds())
        now = _changed_at(credentials)
        if now is not None and now != seen:
            seen = now
            await renewed()


def _changed_at(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


class BusClient(Client):
    """Never speaks in the clear where TLS is wanted: nats-py would, with a server that offers none."""

    def _connect_command(self) -> bytes:
        if self.options.get("tls") and not self._server_info.get("tls_required"):
            raise NatsError("nats: the server offers no TLS, and the settings ask for it")
        return super()._connect_command()


def refusal_in(error: Exception) -> Refusal | None:
    """What an error of the client says that the server refused."""
    found = _REFUSAL.search(str(error))
    return Refusal(found[1].lower(), found[2]) if found else None


def locks_out(error: Exception | None) -> bool:
    """Whether the login is not accepted any more, or its file was taken away: trying again is of no use."""
    if isinstance(error, (AuthorizationError, FileNotFoundError)):
        return True
    return isinstance(error, NatsError) and any(words in str(error).lower() for words in _EXPIRED)
