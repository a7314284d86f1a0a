"""Credentials of agents on the embedded nats-server: one NKEY for each process, its rights from the agent's spec.

``agent_host.py`` tells it the specs and starts processes with the files it makes; ``nats.py`` writes the users into
the server's configuration. The seeds and the last known users are kept in the data folder, so that a restarted
server knows them before anybody has read a spec.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Protocol

import orjson
import structlog
from pydantic import BaseModel, ValidationError

from opsrail.embedded.folder import DataFolder
from opsrail.embedded.nats_config import BusUser
from opsrail_sdk.contracts.access import BusAccess
from opsrail_sdk.contracts.run import AgentSpec

log = structlog.get_logger()

STATE = "bus/users.json"


class Credentials(Protocol):
    """Who lets agents in: the embedded server, or the signer for an outside one."""

    async def admit(self, specs: Iterable[AgentSpec]) -> None:
        """Let these agents in, and no others: whoever else is connected is cut off at once."""

    async def keep(self) -> None:
        """Renew what has to be renewed, until cancelled."""

    def environment(self, spec: AgentSpec, slot: int) -> dict[str, str]:
        """How one process logs in, once it is admitted."""


class SharedLogin:
    """All agents use the login that stands in the address: an outside server that we cannot make credentials for."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def admit(self, specs: Iterable[AgentSpec]) -> None:
        return None

    async def keep(self) -> None:
        return None

    def environment(self, spec: AgentSpec, slot: int) -> dict[str, str]:
        return {"OPSRAIL_NATS_URL": self._url}


class _Kept(BaseModel):
    org: str
    agent: str
    key: str
    access: BusAccess
    seed_file: str | None = None


class BusUsers:
    """The users of the embedded server.

    Args:
        changed: makes the server follow; called with every change of the users, returns once it did.
    """

    def __init__(self, folder: DataFolder, changed: Callable[[], Awaitable[None]], url: Callable[[], str]) -> None:
        self._folder, self._changed, self._url = folder, changed, url
        self._kept: list[_Kept] = []
        self._lock = asyncio.Lock()

    @property
    def users(self) -> list[BusUser]:
        return [BusUser(kept.org, kept.agent, kept.key, kept.access) for kept in self._kept]

    def load(self) -> None:
        """Recall the users of the folder's last life; a file that cannot be read counts as none."""
        path = self._folder.path / STATE
        try:
            self._kept = [_Kept.model_validate(entry) for entry in orjson.loads(path.read_bytes())]
        except FileNotFoundError:
            self._kept = []
        except (ValueError, ValidationError) as error:
            log.warning("bus_users_unreadable", file=str(path), problem=str(error))
            self._kept = []

    async def admit(self, specs: Iterable[AgentSpec]) -> None:
        async with self._lock:
            wanted = [kept for spec in specs for kept in self._of(spec)]
            if wanted == self._kept:
                return
            gone = {kept.seed_file for kept in self._kept} - {kept.seed_file for kept in wanted} - {None}
            before, self._kept = self._kept, wanted
            try:
                await self._changed()
            except BaseException:
                self._kept = before
                raise
            self._folder.write_private(
                STATE, orjson.dumps([kept.model_dump(mode="json") for kept in wanted]).decode()
            )
            for seed_file in gone:
                (self._folder.path / str(seed_file)).unlink(missing_ok=True)

    async def keep(self) -> None:
        return None

    def environment(self, spec: AgentSpec, slot: int) -> dict[str, str]:
        return {
            "OPSRAIL_NATS_URL": self._url(),
            "OPSRAIL_NATS_CREDENTIALS": str(self._folder.path / _seed_file(spec, slot)),
        }

    def _of(self, spec: AgentSpec) -> list[_Kept]:
        if spec.access is None or spec.desired != "running":
            return []
        rights = spec.access.model_copy(update={"keys": ()})
        kept = [_Kept(org=spec.org_id, agent=spec.agent, key=key, access=rights) for key in spec.access.keys]
        for slot in range(spec.instances) if spec.runtime == "process" else ():
            name = _seed_file(spec, slot)
            key = self._key(name)
            kept.append(_Kept(org=spec.org_id, agent=spec.agent, key=key, access=rights, seed_file=name))
        return kept

    def _key(self, name: str) -> str:
        path = self._folder.path / name
        from opsrail.bus_credentials import keys  # noqa: PLC0415 - slow to import, and the server's start waits

        if not path.exists():
            self._folder.write_private(name, f"{keys.new_seed()}\n")
        return keys.public_key(path.read_text().strip())


def _seed_file(spec: AgentSpec, slot: int) -> str:
    return str(Path("bus") / spec.org_id / f"{spec.agent}-{slot}.nk")
