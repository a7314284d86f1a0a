"""The whole stack as one thing to start and stop: servers, migrations, orchestrator, agents.

Called by `up.py`; tests use it to run a stack of their own.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from opsrail.db.scripts import up_to_date
from opsrail.embedded.child import Child
from opsrail.embedded.migration import Migration
from opsrail.embedded.orchestrator import DEFAULT_APP, Orchestrator
from opsrail.embedded.ports import ask, own_certificate, until
from opsrail.embedded.rotation import rotate_for_ever
from opsrail.embedded.servers import Endpoints, External, Servers

if TYPE_CHECKING:
    from opsrail.embedded.agent_host import AgentHost


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to start. `port` 0 takes any free one; `app` is an ASGI factory, another one only in tests."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 8787
    replicas: int = 1
    agents: bool = True
    app: str = DEFAULT_APP
    migrate: bool = True
    external: External = field(default_factory=External)


class Supervisor:
    """Everything that `opsrail up` runs, kept alive from `start` to `stop`."""

    def __init__(self, options: Options, *, changed: Callable[[Child], None] = lambda _child: None) -> None:
        self.options = options
        self._changed = changed
        self.servers = Servers(options.data, external=options.external, changed=changed)
        self.agents: AgentHost | None = None
        self.orchestrator: Orchestrator | None = None
        self._rotation: asyncio.Task[None] | None = None

    @property
    def children(self) -> list[Child]:
        replicas = self.orchestrator.children if self.orchestrator else []
        agents = self.agents.children if self.agents else []
        return [*self.servers.children.values(), *replicas, *agents]

    @property
    def url(self) -> str | None:
        return self.orchestrator.url if self.orchestrator else None

    @property
    def token_path(self) -> Path:
        return self.servers.folder.path / "admin.token"

    async def start(self) -> None:
        """Return once `/readyz` answers 200; agents may still be coming up.

        Raises:
            FolderInUseError, StartFailedError, OSError, opsrail_sdk.errors.Unavailable: nothing is left running.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self, *, force: bool = False) -> None:
        """Agents first, so that they can drain; the servers last."""
        if self._rotation is not None:
            self._rotation.cancel()
        if self.agents is not None:
            await self.agents.stop(force=force)
        if self.orchestrator is not None:
            await self.orchestrator.stop(force=force)
        await self.servers.stop(force=force)

    async def _start(self) -> None:
        options = self.options
        endpoints, _ = await asyncio.gather(self.servers.start(), asyncio.to_thread(_load_agent_host))
        self._rotation = asyncio.create_task(rotate_for_ever(self.servers.folder.logs), name="log rotation")
        self.orchestrator = Orchestrator(
            self.servers.folder,
            host=options.host,
            port=options.port,
            replicas=options.replicas,
            changed=self._changed,
            app=options.app,
        )
        self.orchestrator.load(self._environment(endpoints, self.orchestrator))
        self.agents = _load_agent_host()(
            self.servers.folder,
            credentials=self.servers.credentials,
            bus_log=self.servers.bus_log,
            changed=self._changed,
            processes=options.agents,
        )
        await self.agents.start(endpoints.nats_url, self.servers.login)
        if options.migrate and not await asyncio.to_thread(up_to_date, endpoints.migration_url):
            migration = await Migration.load()
            try:
                await migration.run(endpoints.migration_url)
            finally:
                await migration.abandon()
        await self.orchestrator.begin()
        await self._until_ready(self.orchestrator)

    def _environment(self, endpoints: Endpoints, orchestrator: Orchestrator) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name != "OPSRAIL_MIGRATION_URL"}
        return inherited | {
            "OPSRAIL_DATA": str(self.servers.folder.path),
            "OPSRAIL_HOST": orchestrator.host,
            "OPSRAIL_PORT": str(orchestrator.port),
            "OPSRAIL_DATABASE_URL": endpoints.database_url,
            "OPSRAIL_REDIS_URL": endpoints.redis_url,
            "OPSRAIL_NATS_URL": endpoints.nats_url,
        }

    async def _until_ready(self, orchestrator: Orchestrator) -> None:
        request = f"GET /readyz HTTP/1.0\r\nHost: {orchestrator.host}\r\n\r\n".encode()
        tls = own_certificate(orchestrator.tls.server_cert) if orchestrator.tls.server_cert else None
        await until(lambda: ask(orchestrator.port, request, b" 200 ", host=orchestrator.reachable_host, tls=tls))


def _load_agent_host() -> "type[AgentHost]":
    """Its imports (the bus's client) take longer than the servers' start, so they run beside it."""
    from opsrail.embedded.agent_host import AgentHost  # noqa: PLC0415

    return AgentHost
