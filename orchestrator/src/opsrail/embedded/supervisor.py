"""The whole stack as one thing to start and stop: servers, migrations, orchestrator, agents.

Called by `up.py`; tests use it to run a stack of their own.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from opsrail.embedded.agent_host import AgentHost
from opsrail.embedded.child import Child, StartFailedError
from opsrail.embedded.orchestrator import Orchestrator
from opsrail.embedded.ports import ask, until
from opsrail.embedded.rotation import rotate_for_ever
from opsrail.embedded.serve import DEFAULT_APP
from opsrail.embedded.servers import Endpoints, External, Servers

log = structlog.get_logger()

MIGRATE = "import os; from opsrail.db.migrate import upgrade; upgrade(os.environ['OPSRAIL_MIGRATION_URL'])"


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
        self.agents = AgentHost(self.servers.folder, changed=changed)
        self.orchestrator: Orchestrator | None = None
        self._rotation: asyncio.Task[None] | None = None

    @property
    def children(self) -> list[Child]:
        replicas = self.orchestrator.children if self.orchestrator else []
        return [*self.servers.children.values(), *replicas, *self.agents.children]

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
        await self.agents.stop(force=force)
        if self.orchestrator is not None:
            await self.orchestrator.stop(force=force)
        await self.servers.stop(force=force)

    async def _start(self) -> None:
        options = self.options
        endpoints = await self.servers.start()
        self._rotation = asyncio.create_task(rotate_for_ever(self.servers.folder.logs), name="log rotation")
        self.orchestrator = Orchestrator(
            self.servers.folder,
            host=options.host,
            port=options.port,
            replicas=options.replicas,
            changed=self._changed,
            app=options.app,
        )
        if options.agents:
            await self.agents.start(endpoints.nats_url, endpoints.agent_nats_url)
        if options.migrate:
            await self._migrate(endpoints)
        await self.orchestrator.start(self._environment(endpoints))
        await self._until_ready(self.orchestrator)

    async def _migrate(self, endpoints: Endpoints) -> None:
        """In a process of its own, which gives its memory back; the address is not on its command line."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            MIGRATE,
            env=os.environ | {"OPSRAIL_MIGRATION_URL": endpoints.migration_url},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise StartFailedError(f"the database could not be migrated:\n{output.decode(errors='replace').strip()}")
        log.info("database_migrated")

    def _environment(self, endpoints: Endpoints) -> dict[str, str]:
        assert self.orchestrator is not None
        inherited = {name: value for name, value in os.environ.items() if name != "OPSRAIL_MIGRATION_URL"}
        return inherited | {
            "OPSRAIL_DATA": str(self.servers.folder.path),
            "OPSRAIL_HOST": self.orchestrator.host,
            "OPSRAIL_PORT": str(self.orchestrator.port),
            "OPSRAIL_DATABASE_URL": endpoints.database_url,
            "OPSRAIL_REDIS_URL": endpoints.redis_url,
            "OPSRAIL_NATS_URL": endpoints.nats_url,
        }

    async def _until_ready(self, orchestrator: Orchestrator) -> None:
        request = f"GET /readyz HTTP/1.0\r\nHost: {orchestrator.host}\r\n\r\n".encode()
        await until(lambda: ask(orchestrator.port, request, b" 200 ", host=orchestrator.reachable_host))
