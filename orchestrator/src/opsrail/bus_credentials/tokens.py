"""JWTs of users of an outside NATS that trusts our account: what ``nsc`` would make, without it.

Form: NATS ADR-14, https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/jwt
Called by ``service`` for agents that run elsewhere and by the host of `opsrail up` for those that it starts.
"""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

import nkeys  # type: ignore[import-untyped]
import orjson

from opsrail_sdk.contracts.access import BusAccess

LONGEST_BYTES = 3600
"""nats-server takes 4096 bytes of ``CONNECT`` (``max_control_line``); the rest is signature, names and versions."""
REPLY_TIME = timedelta(minutes=10)
"""How long an agent may take to answer what it was asked."""


class SigningKey:
    """A signing key of an account; what it signs, the servers that trust the account let in.

    Args:
        seed: of the account itself or of a signing key that the account's own JWT lists; begins with ``SA``.
        account: the account's public key, where the seed is of a signing key.

    Raises:
        ValueError: they are not what they should be; the message names the settings.
    """

    def __init__(self, seed: str, account: str | None = None) -> None:
        try:
            self._pair = nkeys.from_seed(bytearray(seed.strip().encode()))
            self.public_key = str(self._pair.public_key.decode())
        except (nkeys.NkeysError, ValueError) as error:
            raise ValueError("OPSRAIL_NATS_SIGNING_SEED is no NKEY seed") from error
        self.account = account or self.public_key
        if not (self.public_key.startswith("A") and self.account.startswith("A")):
            raise ValueError(
                "OPSRAIL_NATS_SIGNING_SEED and OPSRAIL_NATS_ACCOUNT must be keys of an account, SA… and A…"
            )

    def user(self, public_key: str, name: str, access: BusAccess, *, expires: datetime | None) -> str:
        """A JWT for the holder of ``public_key``'s seed.

        It has to fit into the first line that a client sends. One that does not names its events by what they
        begin with in common.

        Raises:
            ValueError: it does not fit even so.
        """
        for rights in (access, _by_common_beginning(access)):
            jwt = self._user(public_key, name, rights, expires)
            if len(jwt) <= LONGEST_BYTES:
                return jwt
        raise ValueError(f"the rights of {name} do not fit into a JWT of {LONGEST_BYTES} bytes")

    def _user(self, public_key: str, name: str, access: BusAccess, expires: datetime | None) -> str:
        claims: dict[str, Any] = {
            "iat": int(datetime.now(UTC).timestamp()),
            "iss": self.public_key,
            "sub": public_key,
            "name": name,
            "nats": {
                "pub": {"allow": list(access.publish)},
                "sub": {"allow": list(access.subscribe)},
                "resp": {"max": 1, "ttl": int(REPLY_TIME.total_seconds() * 1e9)},
                "subs": -1,
                "data": -1,
                "payload": -1,
                "type": "user",
                "version": 2,
            },
        }
        if self.account != self.public_key:
            claims["nats"]["issuer_account"] = self.account
        if expires is not None:
            claims["exp"] = int(expires.timestamp())
        return signed(self._pair, claims)


def signed(pair: Any, claims: dict[str, Any]) -> str:
    """A JWT of any claims, by an NKEY pair."""
    digest = hashlib.new("sha512_256", orjson.dumps(claims)).digest()
    identified = {"jti": base64.b32encode(digest).decode().rstrip("=")} | claims
    header = orjson.dumps({"typ": "JWT", "alg": "ed25519-nkey"})
    body = f"{_encoded(header)}.{_encoded(orjson.dumps(identified))}"
    return f"{body}.{_encoded(pair.sign(body.encode()))}"


def credentials_file(jwt: str, seed: str) -> str:
    """A ``.creds`` file, as every NATS client reads it."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )


def _by_common_beginning(access: BusAccess) -> BusAccess:
    events = [subject.split(".") for subject in access.publish if subject.split(".")[2:3] == ["event"]]
    if len(events) < 2:
        return access
    common = [tokens[0] for tokens in takewhile(lambda tokens: len(set(tokens)) == 1, zip(*events, strict=False))]
    others = [subject for subject in access.publish if subject.split(".") not in events]
    return access.model_copy(update={"publish": (*others, ".".join([*common, ">"]))})


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
