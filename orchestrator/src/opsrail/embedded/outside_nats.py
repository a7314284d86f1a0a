"""Credentials of agents at an outside NATS that trusts our account: a JWT for each process, renewed while it runs.

Used by `agent_host.py` in place of the embedded server's users, where a signing seed is set.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from opsrail.bus_credentials import keys
from opsrail.bus_credentials.tokens import SigningKey, credentials_file
from opsrail.embedded.folder import DataFolder
from opsrail_sdk.contracts.access import BusAccess
from opsrail_sdk.contracts.run import AgentSpec

log = structlog.get_logger()

LIFETIME = timedelta(hours=1)
"""After this a JWT that nobody renews lets nobody in: the longest that a removed agent could hold on to it."""


class SignedCredentials:
    """A ``.creds`` file for each process, in the data folder.

    Args:
        clock: tells the time; injected by tests.
    """

    def __init__(
        self,
        folder: DataFolder,
        url: str,
        signer: SigningKey,
        *,
        lifetime: timedelta = LIFETIME,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._folder, self._url, self._signer, self._lifetime, self._clock = folder, url, signer, lifetime, clock
        self._admitted: dict[str, tuple[str, BusAccess]] = {}

    async def admit(self, specs: Iterable[AgentSpec]) -> None:
        wanted: dict[str, tuple[str, BusAccess]] = {}
        for spec in specs:
            if spec.access is None and spec.runtime == "process":
                log.error("agent_not_admitted", agent=spec.agent, org=spec.org_id, why="the account is another's")
            elif spec.access is not None and spec.runtime == "process" and spec.desired == "running":
                rights = spec.access.model_copy(update={"keys": ()})
                wanted |= {_file(spec, slot): (spec.agent, rights) for slot in range(spec.instances)}
        for name in self._admitted.keys() - wanted.keys():
            (self._folder.path / name).unlink(missing_ok=True)
        changed = {name: held for name, held in wanted.items() if self._admitted.get(name) != held}
        self._admitted = wanted
        for name, (agent, access) in changed.items():
            self._write(name, agent, access, keys.new_seed())

    async def keep(self) -> None:
        while True:
            await asyncio.sleep(self._lifetime.total_seconds() / 2)
            self.renew()

    def renew(self) -> None:
        """Write every file anew, for the same keys; running agents notice it."""
        for name, (agent, access) in self._admitted.items():
            text = (self._folder.path / name).read_text()
            seed = next(line for line in text.splitlines() if line.startswith("SU"))
            self._write(name, agent, access, seed)
        log.debug("bus_credentials_renewed", count=len(self._admitted))

    def environment(self, spec: AgentSpec, slot: int) -> dict[str, str]:
        return {
            "OPSRAIL_NATS_URL": self._url,
            "OPSRAIL_NATS_CREDENTIALS": str(self._folder.path / _file(spec, slot)),
        }

    def _write(self, name: str, agent: str, access: BusAccess, seed: str) -> None:
        expires = self._clock() + self._lifetime
        jwt = self._signer.user(keys.public_key(seed), f"{agent}/{Path(name).stem}", access, expires=expires)
        self._folder.write_private(name, credentials_file(jwt, seed))


def _file(spec: AgentSpec, slot: int) -> str:
    return str(Path("bus") / spec.org_id / f"{spec.agent}-{slot}.creds")
