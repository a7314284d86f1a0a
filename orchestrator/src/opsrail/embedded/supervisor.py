"""The whole stack as one thing to start and stop: servers, migrations, orchestrator, agents.

Called by `up.py`; tests use it to run a stack of their own. What takes longest is the orchestrator's imports, so its
processes are started first of all, and what starts the rest is itself imported beside them.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsrail.embedded.addresses import External
from opsrail.embedded.child import Child
from opsrail.embedded.folder import DataFolder
from opsrail.embedded.mending import mend_for_ever
from opsrail.embedded.migration import migrate
from opsrail.embedded.orchestrator import DEFAULT_APP, Orchestrator
from opsrail.embedded.ports import ask, own_certificate, until
from opsrail.embedded.rotation import rotate_for_ever
from opsrail_sdk.tasks import end

if TYPE_CHECKING:
    from opsrail.embedded.agent_host import AgentHost
    from opsrail.embedded.servers import Servers


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
        self.folder = DataFolder(options.data)
        self.servers: Servers | None = None
        self.agents: AgentHost | None = None
        self.orchestrator: Orchestrator | None = None
        self._changed = changed
        self._rotation: asyncio.Task[None] | None = None
        self._mending: asyncio.Task[None] | None = None

    @property
    def children(self) -> list[Child]:
        servers = self.servers.children.values() if self.servers else []
        replicas = self.orchestrator.children if self.orchestrator else []
        agents = self.agents.children if self.agents else []
        return [*servers, *replicas, *agents]

    @property
    def url(self) -> str | None:
        return self.orchestrator.url if self.orchestrator else None

    @property
    def token_path(self) -> Path:
        return self.folder.path / "admin.token"

    async def start(self) -> None:
        """Return once `/readyz` answers 200; agents may still be coming up.

        Raises:
            FolderInUseError, StartFailedError, OSError: nothing is left running.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self, *, force: bool = False) -> None:
        """Agents first, so that they can drain; the servers last."""
        await end(*filter(None, (self._rotation, self._mending)))
        if self.agents is not None:
            await self.agents.stop(force=force)
        if self.orchestrator is not None:
            await self.orchestrator.stop(force=force)
        if self.servers is not None:
            await self.servers.stop(force=force)
        self.folder.close()

    async def _start(self) -> None:
        options = self.options
        self.folder.open()
        self._rotation = asyncio.create_task(rotate_for_ever(self.folder.logs), name="log rotation")
        self.orchestrator = Orchestrator(
            self.folder,
            host=options.host,
            port=options.port,
            replicas=options.replicas,
            changed=self._changed,
            app=options.app,
        )
        self.orchestrator.load(self._environment(self.orchestrator))
        self.servers = await asyncio.to_thread(self._make_servers)
        self.servers.spawn()
        await _together(self._host_agents(self.servers), self._begin(self.orchestrator, self.servers))
        await self._until_ready(self.orchestrator)
        self._mending = asyncio.create_task(mend_for_ever(self.servers), name="mending")

    def _environment(self, orchestrator: Orchestrator) -> dict[str, str]:
        """What the orchestrator is started with; `_begin` tells it the rest."""
        inherited = {name: value for name, value in os.environ.items() if name != "OPSRAIL_MIGRATION_URL"}
        return inherited | {
            "OPSRAIL_DATA": str(self.folder.path),
            "OPSRAIL_HOST": orchestrator.host,
            "OPSRAIL_PORT": str(orchestrator.port),
        }

    def _make_servers(self) -> "Servers":
        from opsrail.embedded.servers import Servers  # noqa: PLC0415 - see above

        return Servers(self.folder, external=self.options.external, changed=self._changed)

    async def _host_agents(self, servers: "Servers") -> None:
        """Start the agents as soon as there is a bus: they need neither database nor orchestrator for that."""
        make_host = await asyncio.to_thread(_load_agent_host)
        await servers.serves("nats")
        self.agents = make_host(
            self.folder,
            credentials=servers.credentials,
            bus_log=servers.bus_log,
            changed=self._changed,
            processes=self.options.agents,
        )
        await self.agents.start(servers.endpoints.nats_url, servers.login)

    async def _begin(self, orchestrator: Orchestrator, servers: "Servers") -> None:
        """Let the orchestrator begin once the servers serve and the database is migrated."""
        await asyncio.gather(*(servers.serves(name) for name in servers.children))
        endpoints = servers.endpoints
        if self.options.migrate:
            await migrate(endpoints.migration_url)
        await orchestrator.begin(
            {
                "OPSRAIL_DATABASE_URL": endpoints.database_url,
                "OPSRAIL_REDIS_URL": endpoints.redis_url,
                "OPSRAIL_NATS_URL": endpoints.nats_url,
            }
        )

    async def _until_ready(self, orchestrator: Orchestrator) -> None:
        request = f"GET /readyz HTTP/1.0\r\nHost: {orchestrator.host}\r\n\r\n".encode()
        tls = own_certificate(orchestrator.tls.server_cert) if orchestrator.tls.server_cert else None
        await until(lambda: ask(orchestrator.port, request, b" 200 ", host=orchestrator.reachable_host, tls=tls))


async def _together(*parts: Coroutine[Any, Any, None]) -> None:
    """Run side by side; when one fails, return once the others have ended too."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _load_agent_host() -> "type[AgentHost]":
    """Its imports (the bus's client) take longer than the servers' start, so they run beside it."""
    from opsrail.embedded.agent_host import AgentHost  # noqa: PLC0415

    return AgentHost
