"""Revoking JWTs at an outside NATS at once: the account's own JWT gets a list of users that are let in no more.

That JWT is signed by the operator, so this takes the operator's key and a login of the system account. Without them
a revoked credential ends when it expires. Form: NATS ADR-14; ``$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE`` of the server.
"""

import base64
import time
from collections.abc import Sequence
from datetime import timedelta

import nats
import nkeys  # type: ignore[import-untyped]
import orjson
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from opsrail.bus_credentials.models import BusCredential
from opsrail.bus_credentials.service import signing_key
from opsrail.bus_credentials.tokens import signed
from opsrail.settings import NatsSettings

log = structlog.get_logger()

PATIENCE = timedelta(seconds=5)


async def announce(settings: NatsSettings, revoked: Sequence[BusCredential]) -> bool:
    """Have the servers cut off these users now; tells whether they will.

    Never raises: the rows are gone already, and the credentials will not be renewed.
    """
    users = [credential.public_key for credential in revoked if credential.kind == "jwt"]
    signer = signing_key(settings)
    if not users or signer is None:
        return True
    if settings.operator_seed is None or settings.system_credentials is None:
        log.warning("bus_credentials.end_at_expiry", users=users, setting="OPSRAIL_NATS_OPERATOR_SEED")
        return False
    try:
        connection = await nats.connect(
            settings.url.get_secret_value().split(","),
            user_credentials=str(settings.system_credentials),
            allow_reconnect=False,
            connect_timeout=PATIENCE.seconds,
        )
        try:
            account = f"$SYS.REQ.ACCOUNT.{signer.account}"
            current = await _account_jwt(connection, account)
            renewed = with_revoked(current, users, settings.operator_seed.get_secret_value()).encode()
            answer = await connection.request(f"{account}.CLAIMS.UPDATE", renewed, timeout=PATIENCE.seconds)
            taken = "error" not in orjson.loads(answer.data)
        finally:
            await connection.close()
    except (NatsError, OSError, ValueError, TimeoutError, nkeys.NkeysError) as error:
        log.error("bus_credentials.not_announced", users=users, why=str(error))  # noqa: TRY400
        return False
    if not taken:
        log.error("bus_credentials.not_announced", users=users, why=answer.data.decode(errors="replace"))
    return taken


async def _account_jwt(connection: Client, account: str) -> str:
    """As the servers' resolver has it; one that answers no look-ups (``MEMORY``) shows it among what it loaded."""
    try:
        return (await connection.request(f"{account}.CLAIMS.LOOKUP", timeout=PATIENCE.seconds)).data.decode()
    except NoRespondersError:
        answer = await connection.request(f"{account}.INFO", timeout=PATIENCE.seconds)
        return str((orjson.loads(answer.data).get("data") or {}).get("jwt", ""))


def with_revoked(account_jwt: str, users: Sequence[str], operator_seed: str) -> str:
    """The account's JWT, with these users revoked as of now.

    Raises:
        ValueError: the server's answer is no JWT.
    """
    parts = account_jwt.split(".")
    if len(parts) != 3:
        raise ValueError("the server knows no JWT of the account")
    claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    operator = nkeys.from_seed(bytearray(operator_seed.strip().encode()))
    now = int(time.time())
    claims["nats"]["revocations"] = claims["nats"].get("revocations", {}) | dict.fromkeys(users, now)
    claims |= {"iat": now, "iss": operator.public_key.decode()}
    claims.pop("jti", None)
    return signed(operator, claims)
