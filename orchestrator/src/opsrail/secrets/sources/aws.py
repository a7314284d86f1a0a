"""AWS Secrets Manager. Needs the extra ``aws``; credentials and region come from the usual AWS places.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
"""

import asyncio
from typing import Any

import orjson

from opsrail.secrets.extras import imported
from opsrail.secrets.references import Reference
from opsrail.secrets.sources.base import SourceUnavailable


class SecretsManagerSource:
    """``aws:<id or ARN>``, with ``#<field>`` where the text is a JSON object."""

    def __init__(self) -> None:
        self._client: Any = imported("boto3", extra="aws").client("secretsmanager")

    async def read(self, reference: Reference) -> str:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 (an extra)

        try:
            answer = await asyncio.to_thread(self._client.get_secret_value, SecretId=reference.path)
        except (BotoCoreError, ClientError) as error:
            raise SourceUnavailable(f"AWS Secrets Manager: {error}") from error
        held = answer.get("SecretString")
        if reference.field and isinstance(held, str):
            held = _field(held, reference.field)
        if not isinstance(held, str):
            raise SourceUnavailable(f"AWS Secrets Manager holds no text at {reference}")
        return held


def _field(text: str, field: str) -> object:
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return parsed.get(field) if isinstance(parsed, dict) else None
