"""PostgreSQL, Valkey and nats-server in one data folder, or the outside ones named by the environment.

Called by `supervisor.py` and by the test fixtures in `opsrail.testing.servers`.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from opsrail.embedded.addresses import Endpoints, External
from opsrail.embedded.bus_users import Credentials, SharedLogin
from opsrail.embedded.child import Child, Launch
from opsrail.embedded.folder import DataFolder
from opsrail.embedded.nats import Nats
from opsrail.embedded.postgres import APPLICATION, OWNER, SUPERUSER, Postgres
from opsrail.embedded.valkey import Valkey
from opsrail.tls import tls_from_environment

if TYPE_CHECKING:
    from opsrail.embedded.bus_log import BusLog
    from opsrail_sdk.login import Login

START_ATTEMPTS = 3


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
        data: Path | DataFolder,
        *,
        external: External | None = None,
        changed: Callable[[Child], None] = lambda _child: None,
    ) -> None:
        self.folder = data if isinstance(data, DataFolder) else DataFolder(data)
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
        try:
            self.spawn()
            await asyncio.gather(*(self.serves(name) for name in self.children))
        except BaseException:
            await self.stop()
            raise
        return self.endpoints

    def spawn(self) -> None:
        """Begin to start what is embedded; see `serves`."""
        self.folder.open()
        for child in self.children.values():
            child.spawn()

    async def serves(self, name: str) -> None:
        """Return once the server serves; at once for an outside one.

        Raises:
            StartFailedError: it failed to start three times in a row.
        """
        if name in self.children:
            await self.children[name].wait_running(START_ATTEMPTS)

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

    async def unwritable(self) -> str | None:
        """Why the embedded nats-server cannot write a stream; None where it can, or is not ours."""
        return await self._nats.unwritable() if self._external.nats_url is None else None

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
