"""Follows references at the moment of use. Values from outside are believed for a little while and never stored.

Called where a secret is handed to an agent (``core_service``), and by whoever else holds a reference.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping

import structlog
from sqlalchemy import text

from opsrail.db.engine import Database
from opsrail.sealing import SealBroken
from opsrail.secrets import repository
from opsrail.secrets.extras import ExtraMissing
from opsrail.secrets.keyring import Keyring
from opsrail.secrets.references import OWN, Reference, ReferenceRefused, check_allowed, parse
from opsrail.secrets.roots.base import RootUnavailable
from opsrail.secrets.roots.choice import vault_client
from opsrail.secrets.settings import SecretsSettings
from opsrail.secrets.sources.base import Source, SourceUnavailable
from opsrail.secrets.sources.env import EnvironmentSource
from opsrail_sdk import masking

log = structlog.get_logger()

LIMIT = 5000
"""Values held at once."""

_Place = tuple[uuid.UUID, str]


class Resolver:
    """Values of references, by organisation."""

    def __init__(self, database: Database, keyring: Keyring, settings: SecretsSettings) -> None:
        self._database = database
        self._keyring = keyring
        self._settings = settings
        self._sources: dict[str, Source] = {}
        self._held: dict[_Place, tuple[str, float]] = {}
        self._asking: dict[_Place, asyncio.Task[str]] = {}

    async def check(self, org_id: uuid.UUID, reference: str) -> Reference:
        """A reference that this organisation may use, without following it.

        Raises:
            ReferenceRefused.
        """
        parsed = parse(reference)
        async with self._database.organisation(org_id) as session:
            slug = await session.scalar(text("SELECT slug FROM organisations WHERE org_id = :org"), {"org": org_id})
        check_allowed(parsed, self._settings.references, org=str(slug))
        return parsed

    async def resolve(self, org_id: uuid.UUID, reference: str) -> str:
        """The value.

        Raises:
            ReferenceRefused: it may not be used.
            SourceUnavailable: it cannot be had now.
        """
        place = (org_id, reference)
        held = self._held.get(place)
        if held is not None and held[1] > time.monotonic():
            return held[0]
        task = self._asking.get(place)
        if task is None:
            task = self._asking[place] = asyncio.create_task(self._follow(org_id, reference))
            task.add_done_callback(lambda _: self._asking.pop(place, None))
        return await asyncio.shield(task)

    async def resolve_all(self, org_id: uuid.UUID, secrets: Mapping[str, str | Reference]) -> dict[str, str]:
        """Secrets by name, references among them followed.

        Raises:
            ReferenceRefused, SourceUnavailable.
        """
        return {
            name: value if isinstance(value, str) else await self.resolve(org_id, str(value))
            for name, value in secrets.items()
        }

    def forget(self) -> None:
        """Ask afresh from now on."""
        self._held.clear()

    async def _follow(self, org_id: uuid.UUID, reference: str) -> str:
        parsed = await self.check(org_id, reference)
        try:
            value = await (
                self._own(org_id, parsed) if parsed.source == OWN else self._source(parsed.source).read(parsed)
            )
        except (ExtraMissing, RootUnavailable) as error:
            raise SourceUnavailable(str(error)) from error
        masking.everywhere.add([value])
        if len(self._held) >= LIMIT:
            self._held.clear()
        if parsed.source != OWN:
            self._held[org_id, reference] = (value, time.monotonic() + self._settings.cache.total_seconds())
        return value

    async def _own(self, org_id: uuid.UUID, reference: Reference) -> str:
        async with self._database.organisation(org_id) as session:
            row = await repository.find(session, reference.path)
        if row is None:
            raise SourceUnavailable(f"there is no secret `{reference.path}`")
        if row.reference is not None:
            if parse(row.reference).source == OWN:
                raise ReferenceRefused(f"`{reference.path}` refers to another kept secret; refer to that one")
            return await self.resolve(org_id, row.reference)
        sealer = await self._keyring.sealer(org_id)
        try:
            return sealer.open(bytes(row.sealed or b""), context=row.context()).decode()
        except SealBroken as error:
            raise SourceUnavailable(f"the secret `{reference.path}` cannot be opened; set it anew") from error

    def _source(self, name: str) -> Source:
        if name not in self._sources:
            self._sources[name] = self._makers()[name]()
        return self._sources[name]

    def _makers(self) -> Mapping[str, Callable[[], Source]]:
        from opsrail.secrets.sources.aws import SecretsManagerSource  # noqa: PLC0415 (an extra)
        from opsrail.secrets.sources.kubernetes import KubernetesSource  # noqa: PLC0415 (brings httpx)
        from opsrail.secrets.sources.vault import VaultSource  # noqa: PLC0415 (an extra)

        return {
            "env": EnvironmentSource,
            "vault": lambda: VaultSource(vault_client(self._settings)),
            "aws": SecretsManagerSource,
            "kubernetes": lambda: KubernetesSource(self._settings),
        }
