"""A real nats-server that trusts an operator and finds accounts by their JWTs, as a managed NATS does."""

import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import nkeys

from opsrail.bus_credentials import keys
from opsrail.bus_credentials.tokens import SigningKey, credentials_file, signed
from opsrail.embedded.nats import binary
from opsrail.embedded.ports import LOOPBACK, ask
from opsrail.testing.processes import serving
from opsrail_sdk.contracts.access import BusAccess

UNLIMITED = -1
EVERYTHING = BusAccess(publish=(">",), subscribe=(">",))


def new_pair(prefix: int) -> tuple[str, Any]:
    seed = nkeys.encode_seed(secrets.token_bytes(32), prefix)
    return seed.decode(), nkeys.from_seed(bytearray(seed))


def public(pair: Any) -> str:
    return str(pair.public_key.decode())


@dataclass
class OperatorMode:
    """The server, its operator, its system account, and the account that we sign for."""

    folder: Path
    port: int = 0

    def __post_init__(self) -> None:
        self.operator_seed, operator = new_pair(nkeys.PREFIX_BYTE_OPERATOR)
        system_seed, system = new_pair(nkeys.PREFIX_BYTE_ACCOUNT)
        _, account = new_pair(nkeys.PREFIX_BYTE_ACCOUNT)
        self.signing_seed, signing = new_pair(nkeys.PREFIX_BYTE_ACCOUNT)
        self.account = public(account)
        limits = {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": True, "conn": -1}
        storage = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
        operator_jwt = self._jwt(operator, operator, "operator", {"system_account": public(system)})
        self._jwts = {
            public(system): self._jwt(operator, system, "account", {"limits": limits}),
            self.account: self._jwt(
                operator, account, "account", {"limits": limits | storage, "signing_keys": [public(signing)]}
            ),
        }
        preload = "\n".join(f"  {key}: {jwt}" for key, jwt in self._jwts.items())
        self._config = (
            f"operator: {operator_jwt}\n"
            f"system_account: {public(system)}\nresolver: MEMORY\nresolver_preload: {{\n{preload}\n}}\n"
            f"jetstream {{ store_dir: {json.dumps(str(self.folder / 'js'))} }}\n"
        )
        self.system_credentials = self._user("system", SigningKey(system_seed))
        self.credentials = self._user("orchestrator", SigningKey(self.signing_seed, self.account))

    @property
    def url(self) -> str:
        return f"nats://{LOOPBACK}:{self.port}"

    def _user(self, name: str, signer: SigningKey) -> Path:
        seed = keys.new_seed()
        file = self.folder / f"{name}.creds"
        file.write_text(credentials_file(signer.user(keys.public_key(seed), name, EVERYTHING, expires=None), seed))
        return file

    @staticmethod
    def _jwt(operator: Any, subject: Any, kind: str, claims: dict[str, Any]) -> str:
        body = {"iat": int(time.time()), "iss": public(operator), "sub": public(subject), "name": kind}
        return signed(operator, body | {"nats": claims | {"type": kind, "version": 2}})

    def _command(self, port: int) -> list[str]:
        config = self.folder / "server.conf"
        config.write_text(f"listen: {json.dumps(f'{LOOPBACK}:{port}')}\n{self._config}")
        return [str(binary()), "--config", str(config)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        log = self.folder / "nats.log"
        async with serving(self._command, lambda port: ask(port, b"", b"INFO "), log=log) as self.port:
            yield self
