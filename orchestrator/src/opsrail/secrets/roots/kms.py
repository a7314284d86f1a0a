"""A root key in AWS KMS. Needs the extra ``aws``; credentials and region come from the usual AWS places.

The version is the key's ARN: AWS turns the material of a key by itself, and a rotation here moves the data keys to
another key, the one that the setting (an alias, say) names by then.
https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html
"""

import asyncio
from collections.abc import Callable
from typing import Any

from opsrail.secrets.extras import imported
from opsrail.secrets.roots.base import RootUnavailable, Wrapped

_CONTEXT = "opsrail"


class KmsRoot:
    """``key``: id, ARN or alias."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._client: Any = imported("boto3", extra="aws").client("kms")

    async def current(self) -> str:
        answer = await self._call(lambda: self._client.describe_key(KeyId=self._key))
        return f"kms:{answer['KeyMetadata']['Arn']}"

    async def wrap(self, key: bytes, *, context: str) -> Wrapped:
        answer = await self._call(
            lambda: self._client.encrypt(KeyId=self._key, Plaintext=key, EncryptionContext={_CONTEXT: context})
        )
        return Wrapped(f"kms:{answer['KeyId']}", answer["CiphertextBlob"])

    async def unwrap(self, wrapped: Wrapped, *, context: str) -> bytes:
        answer = await self._call(
            lambda: self._client.decrypt(
                KeyId=wrapped.version.removeprefix("kms:"),
                CiphertextBlob=wrapped.blob,
                EncryptionContext={_CONTEXT: context},
            )
        )
        return bytes(answer["Plaintext"])

    async def renew(self) -> bool:
        return False

    async def retire(self) -> None:
        """AWS's to do: schedule the deletion of the old key once ``opsrail secrets rotate --check`` is satisfied."""

    def first_data_key(self) -> bytes | None:
        return None

    async def _call(self, ask: Callable[[], Any]) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 (an extra)

        try:
            return await asyncio.to_thread(ask)
        except (BotoCoreError, ClientError) as error:
            raise RootUnavailable(f"AWS KMS: {error}") from error
