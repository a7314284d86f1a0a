"""PostgreSQL, Valkey and nats-server in one data folder, or the outside ones named by the environment.

Called by `supervisor.py` and by the test fixtures in `opsrail.testing.servers`.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from opsrail.embedded.bus_users import Credentials, SharedLogin
from opsrail.embedded.child import Child, Launch
from opsrail.embedded.folder import DataFolder
from opsrail.embedded.nats import Nats
from opsrail.embedded.postgres import APPLICATION, OWNER, SUPERUSER, Postgres
from opsrail.embedded.valkey import Valkey
from opsrail.tls import database_url, tls_from_environment

if TYPE_CHECKING:
    from opsrail.embedded.bus_log import BusLog
    from opsrail_sdk.login import Login

START_ATTEMPTS = 3


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
            ValueError: the files of `OPSRAIL_TLS_…` are no good.
        """
        given = {name: environment.get(f"OPSRAIL_{name.upper()}") or None for name in cls.__annotations__}
        tls = tls_from_environment(environment)
        for name in ("database_url", "migration_url"):
            if url := given[name]:
                given[name] = database_url(url, tls)
        return cls(**given)


class Server(Protocol):
    """One embedded server: how it starts, and when it serves."""

    name: str

    async def launch(self) -> Launch: ...

    async def ready(self) -> None: ...


class Servers:
    """The servers of one data folder, each restarted with back-off when it dies.

    Raises on `start`:
        FolderInUseError: another process holds the data folder.
        StartFailedError: a server failed to start three times in a row; nothing is left running.
    """

    def __init__(
        self,
        data: Path,
        *,
        external: External | None = None,
        changed: Callable[[Child], None] = lambda _child: None,
    ) -> None:
        self.folder = DataFolder(data)
        self._external = external or External()
        self._postgres = Postgres(self.folder)
        self._valkey = Valkey(self.folder)
        self._nats = Nats(self.folder, self._nats_pid)
        servers: tuple[tuple[Server, str | None], ...] = (
            (self._postgres, self._external.database_url),
            (self._valkey, self._external.redis_url),
            (self._nats, self._external.nats_url),
        )
        self.children = {
            server.name: Child(server.name, server.launch, self.folder, ready=server.ready, changed=changed)
            for server, elsewhere in servers
            if elsewhere is None
        }

    async def __aenter__(self) -> Endpoints:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> Endpoints:
        """Start what is embedded, side by side, and return once every server serves."""
        self.folder.open()
        try:
            for child in self.children.values():
                child.spawn()
            await asyncio.gather(*(child.wait_running(START_ATTEMPTS) for child in self.children.values()))
        except BaseException:
            await self.stop()
            raise
        return self.endpoints

    async def stop(self, *, force: bool = False) -> None:
        await asyncio.gather(*(child.stop(force=force) for child in self.children.values()))
        self._postgres.close()
        self.folder.close()

    @property
    def credentials(self) -> Credentials:
        """Who lets agents in.

        Raises:
            ValueError: the signing seed is none.
        """
        outside = self._external
        if outside.nats_url is None:
            return self._nats.users
        if outside.nats_signing_seed is None:
            return SharedLogin(self.endpoints.agent_nats_url)
        from opsrail.bus_credentials.service import without_login  # noqa: PLC0415 - only with an outside server
        from opsrail.bus_credentials.tokens import SigningKey  # noqa: PLC0415
        from opsrail.embedded.outside_nats import SignedCredentials  # noqa: PLC0415

        signer = SigningKey(outside.nats_signing_seed, outside.nats_account)
        return SignedCredentials(self.folder, without_login(self.endpoints.agent_nats_url), signer)

    @property
    def login(self) -> "Login":
        """Our own, at NATS.

        Raises:
            opsrail_sdk.errors.ConfigInvalid: a file of the settings is no good.
        """
        from opsrail_sdk.login import login_for  # noqa: PLC0415 - brings the bus's client, slow to import

        tls = tls_from_environment()
        credentials = Path(self._external.nats_credentials) if self._external.nats_credentials else None
        return login_for(self.endpoints.nats_url, credentials, ca=tls.ca, certificate=tls.cert, key=tls.key)

    @property
    def bus_log(self) -> "BusLog | None":
        """What the embedded nats-server refused, and whom; None with an outside one."""
        from opsrail.embedded.bus_log import BusLog  # noqa: PLC0415 - brings the bus's client, slow to import

        return BusLog(self._nats.log_path, self._nats.users) if self._external.nats_url is None else None

    def _nats_pid(self) -> int | None:
        return self.children[self._nats.name].pid

    async def restart(self, name: str) -> None:
        """Stop and start one server in order; its data and its port stay."""
        await self.children[name].restart()

    def pids(self) -> dict[str, int]:
        """Process ids of the embedded servers that run now."""
        return {name: child.pid for name, child in self.children.items() if child.pid is not None}

    @property
    def endpoints(self) -> Endpoints:
        outside = self._external
        return Endpoints(
            database_url=outside.database_url or self._postgres.url(APPLICATION),
            migration_url=outside.migration_url or outside.database_url or self._postgres.url(OWNER),
            redis_url=outside.redis_url or self._valkey.url,
            nats_url=outside.nats_url or self._nats.url,
            agent_nats_url=outside.agent_nats_url or outside.nats_url or self._nats.address,
        )

    @property
    def admin_url(self) -> str:
        """The embedded PostgreSQL's superuser, on the database `postgres`: for tests and repairs."""
        return self._postgres.url(SUPERUSER, "postgres")
