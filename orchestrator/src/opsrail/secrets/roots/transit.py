"""A root key in Vault's (or OpenBao's) transit engine, a key of type ``aes256-gcm96``. Needs the extra ``vault``.

https://developer.hashicorp.com/vault/api-docs/secret/transit
"""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

from opsrail.secrets.extras import imported
from opsrail.secrets.roots.base import RootUnavailable, Wrapped


class TransitRoot:
    """``key`` in the engine mounted at ``mount``; ``client`` is an ``hvac.Client``."""

    def __init__(self, client: Any, key: str, mount: str) -> None:
        self._client = client
        self._transit: Any = client.secrets.transit
        self._key = key
        self._mount = mount

    async def current(self) -> str:
        answer = await self._call(lambda: self._transit.read_key(self._key, mount_point=self._mount))
        return self._version(answer["data"]["latest_version"])

    async def wrap(self, key: bytes, *, context: str) -> Wrapped:
        answer = await self._call(
            lambda: self._transit.encrypt_data(
                self._key,
                plaintext=base64.b64encode(key).decode(),
                associated_data=base64.b64encode(context.encode()).decode(),
                mount_point=self._mount,
            )
        )
        ciphertext: str = answer["data"]["ciphertext"]
        return Wrapped(self._version(ciphertext.split(":")[1].removeprefix("v")), ciphertext.encode())

    async def unwrap(self, wrapped: Wrapped, *, context: str) -> bytes:
        answer = await self._call(
            lambda: self._transit.decrypt_data(
                self._key,
                ciphertext=wrapped.blob.decode(),
                associated_data=base64.b64encode(context.encode()).decode(),
                mount_point=self._mount,
            )
        )
        return base64.b64decode(answer["data"]["plaintext"])

    async def renew(self) -> bool:
        await self._call(lambda: self._transit.rotate_key(self._key, mount_point=self._mount))
        return True

    async def retire(self) -> None:
        """Vault's to do: raise the key's ``min_decryption_version``."""

    def first_data_key(self) -> bytes | None:
        return None

    def _version(self, number: object) -> str:
        return f"transit:{self._mount}/{self._key}:v{number}"

    async def _call(self, ask: Callable[[], Any]) -> Any:
        errors = imported("hvac.exceptions", extra="vault")
        requests = imported("requests.exceptions", extra="vault")
        try:
            return await asyncio.to_thread(ask)
        except (errors.VaultError, requests.RequestException) as error:
            raise RootUnavailable(f"Vault: {error}") from error
