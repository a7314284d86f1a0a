"""Vault's or OpenBao's key-value engine, version 2. Needs the extra ``vault``.

https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2
"""

import asyncio
from typing import Any

from opsrail.secrets.extras import imported
from opsrail.secrets.references import Reference
from opsrail.secrets.sources.base import SourceUnavailable


class VaultSource:
    """``vault:<mount>/data/<path>#<field>``; ``client`` is an ``hvac.Client``."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def read(self, reference: Reference) -> str:
        errors = imported("hvac.exceptions", extra="vault")
        requests = imported("requests.exceptions", extra="vault")
        try:
            answer = await asyncio.to_thread(self._client.read, reference.path)
        except (errors.VaultError, requests.RequestException) as error:
            raise SourceUnavailable(f"Vault: {error}") from error
        value = ((answer or {}).get("data", {}).get("data") or {}).get(reference.field)
        if not isinstance(value, str):
            raise SourceUnavailable(f"Vault holds no text at {reference}")
        return value
