"""HTTP towards forges: one request, short retries, and their answers as our errors. Used by the adapters."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from opsrail_sdk.errors import CredentialsRejected, NotFound, RateLimited, Refused, Unavailable
from opsrail_sdk.outgoing import transport

_ATTEMPTS = 3
_TIMEOUT = httpx.Timeout(10.0)


async def post(
    url: str, *, headers: dict[str, str], body: dict[str, Any], allow_private: bool, pause: float = 0.5
) -> None:
    """POST JSON; connection losses and 5xx are tried again, ``pause`` seconds apart and doubling.

    Raises:
        CredentialsRejected: 401.
        NotFound: 404, which forges also say where the token may not see the repository.
        RateLimited: 429, or 403 with no requests left.
        Refused: any other 4xx; the message has the forge's own words. Or the address may not be called.
        Unavailable: still failing after the last attempt.
    """
    last = "no answer"
    way = transport(url, allow_private=allow_private)
    async with httpx.AsyncClient(timeout=_TIMEOUT, headers=headers, follow_redirects=False, transport=way) as client:
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(pause * 2 ** (attempt - 1))
            try:
                answer = await client.post(url, json=body)
            except httpx.HTTPError as error:
                last = f"{type(error).__name__}: {error}"
                continue
            if answer.is_success:
                return
            if answer.status_code < 500:
                raise _error(answer)
            last = f"HTTP {answer.status_code}"
    raise Unavailable(f"the forge does not answer: {last}")


def needed(token: SecretStr | None) -> str:
    """The token's value.

    Raises:
        CredentialsRejected: there is none, so asking is of no use.
    """
    if token is None:
        raise CredentialsRejected("the connection has no token")
    return token.get_secret_value()


def _error(answer: httpx.Response) -> Exception:
    words = answer.text[:300]
    if answer.status_code == 401:
        return CredentialsRejected("the forge does not accept the connection's token")
    if answer.status_code == 404:
        return NotFound("the forge knows no such repository or commit, or the token may not see it")
    spent = answer.headers.get("x-ratelimit-remaining") == "0"
    if answer.status_code == 429 or (answer.status_code == 403 and spent):
        return RateLimited("the forge asks us to slow down", retry_after=_retry_after(answer))
    return Refused(f"the forge said no (HTTP {answer.status_code}): {words}")


def _retry_after(answer: httpx.Response) -> timedelta | None:
    value = answer.headers.get("retry-after", "")
    return timedelta(seconds=int(value)) if value.isdigit() else None
