"""Capability tokens: proof that a decision was recorded for exactly this action and input.

The orchestrator mints one per run (and per query that needs a connection); agents verify it before any of
their own code runs. An EdDSA JWS (RFC 7519, RFC 8037) with the claims ``iss`` = ``opsrail``, ``aud`` = agent id,
``sub`` = run id or ``query``, ``org``, ``act`` = action, ``ih`` = SHA-256 of the canonical input, ``dec`` =
decision id, ``dry``, ``iat``, ``exp``, ``jti``.
"""

import base64
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from opsrail_sdk.contracts.run import input_digest
from opsrail_sdk.errors import Refused

ISSUER = "opsrail"
ALGORITHM = "EdDSA"
_CURVE = "Ed25519"
QUERY_SUBJECT = "query"
"""``sub`` of a token that goes with a query rather than a run."""

SKEW = timedelta(seconds=60)
"""Difference that the clocks of orchestrator and agents may have, either way. Beyond it a token does not hold."""

_REQUIRED = ("iss", "aud", "sub", "org", "act", "ih", "dec", "iat", "exp", "jti")

Keys = Mapping[str, Ed25519PublicKey]
"""Public keys by key id."""


@dataclass(frozen=True)
class Claims:
    """What a verified token says."""

    id: str
    run_id: str
    org_id: str
    agent: str
    action: str
    decision_id: str
    dry_run: bool
    issued_at: datetime
    expires_at: datetime


def public_jwk(key: Ed25519PublicKey, kid: str) -> dict[str, str]:
    """The public key as a JWK, for the set that is published under ``trust``/``jwks``."""
    return {
        "kty": "OKP",
        "crv": _CURVE,
        "x": _base64url(key.public_bytes_raw()),
        "kid": kid,
        "alg": ALGORITHM,
        "use": "sig",
    }


def parse_jwks(body: bytes) -> dict[str, Ed25519PublicKey]:
    """Keys of a JWK set; entries that are no Ed25519 public keys are left out.

    Raises:
        ValueError: the body is no JWK set.
    """
    document = orjson.loads(body)
    entries = document.get("keys") if isinstance(document, dict) else None
    if entries is None:
        raise ValueError("not a JWK set")
    keys: dict[str, Ed25519PublicKey] = {}
    for entry in entries:
        if isinstance(entry, dict) and (key := _public_key(entry)) and "kid" in entry:
            keys[entry["kid"]] = key
    return keys


def _public_key(jwk: Mapping[str, Any]) -> Ed25519PublicKey | None:
    x = jwk.get("x")
    if (jwk.get("kty"), jwk.get("crv")) != ("OKP", _CURVE) or "d" in jwk or not isinstance(x, str):
        return None
    try:
        return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))
    except ValueError:
        return None


def _base64url(raw: bytes) -> str:
    """RFC 7515, section 2: without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def mint(
    private_key: Ed25519PrivateKey,
    kid: str,
    *,
    org_id: str,
    agent: str,
    action: str,
    input: Mapping[str, Any],
    run_id: str,
    decision_id: str,
    lifetime: timedelta,
    dry_run: bool = False,
    now: datetime | None = None,
) -> str:
    """Sign a token for one run of ``agent.action`` with exactly this input.

    Args:
        lifetime: must cover the wait in the queue and every attempt, since each attempt verifies it again.
    """
    import jwt  # noqa: PLC0415 - brings all of X.509, and no start waits for a token

    issued = now or datetime.now(UTC)
    claims = {
        "iss": ISSUER,
        "aud": agent,
        "sub": run_id,
        "org": org_id,
        "act": action,
        "ih": input_digest(input),
        "dec": decision_id,
        "dry": dry_run,
        "iat": int(issued.timestamp()),
        "exp": int((issued + lifetime).timestamp()),
        "jti": str(uuid.uuid4()),
    }
    return jwt.encode(claims, private_key, algorithm=ALGORITHM, headers={"kid": kid})


def verify(
    token: str,
    *,
    keys: Keys,
    org_id: str,
    agent: str,
    action: str,
    input: Mapping[str, Any],
    run_id: str,
    dry_run: bool = False,
    leeway: timedelta = SKEW,
) -> Claims:
    """Check signature, audience, time, run, action and input.

    Args:
        leeway: difference that clocks may have.

    Raises:
        Refused: with code ``capability_malformed``, ``capability_unknown_key``, ``capability_bad_signature``,
            ``capability_expired``, ``capability_not_yet_valid``, ``capability_wrong_issuer``,
            ``capability_wrong_audience``, ``capability_wrong_org``, ``capability_wrong_run``,
            ``capability_wrong_action``, ``capability_wrong_input`` or ``capability_wrong_mode``.
    """
    claims = _decode(token, keys=keys, audience=agent, leeway=leeway)
    expected = {
        "org": ("capability_wrong_org", org_id),
        "sub": ("capability_wrong_run", run_id),
        "act": ("capability_wrong_action", action),
        "ih": ("capability_wrong_input", input_digest(input)),
    }
    for claim, (code, value) in expected.items():
        if claims[claim] != value:
            raise Refused(f"the capability was issued for another {claim}", code=code)
    if bool(claims.get("dry", False)) != dry_run:
        raise Refused("the capability and the command disagree on dry run", code="capability_wrong_mode")
    return _claims(claims)


def bearer(token: str, *, keys: Keys, org_id: str, agent: str, leeway: timedelta = SKEW) -> Claims:
    """Check that ``agent`` holds a living token of this organisation, for whatever run or query.

    The orchestrator asks this before it opens a connection.

    Raises:
        Refused: as in ``verify``.
    """
    claims = _decode(token, keys=keys, audience=agent, leeway=leeway)
    if claims["org"] != org_id:
        raise Refused("the capability was issued for another org", code="capability_wrong_org")
    return _claims(claims)


def _claims(claims: Mapping[str, Any]) -> Claims:
    return Claims(
        id=claims["jti"],
        run_id=claims["sub"],
        org_id=claims["org"],
        agent=claims["aud"],
        action=claims["act"],
        decision_id=claims["dec"],
        dry_run=bool(claims.get("dry", False)),
        issued_at=datetime.fromtimestamp(claims["iat"], UTC),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
    )


def _decode(token: str, *, keys: Keys, audience: str, leeway: timedelta) -> dict[str, Any]:
    import jwt  # noqa: PLC0415

    try:
        kid = jwt.get_unverified_header(token).get("kid")
    except jwt.InvalidTokenError as error:
        raise Refused("the capability is not a signed token", code="capability_malformed") from error
    key = keys.get(kid) if isinstance(kid, str) else None
    if key is None:
        raise Refused("the capability was signed by a key that is not trusted", code="capability_unknown_key")
    try:
        return jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=ISSUER,
            leeway=leeway,
            options={"require": list(_REQUIRED)},
        )
    except jwt.InvalidTokenError as error:
        code, reason = _REASONS.get(type(error).__name__, ("capability_malformed", "is not well formed"))
        raise Refused(f"the capability {reason}", code=code) from error


_REASONS = {
    "ExpiredSignatureError": ("capability_expired", "has expired"),
    "ImmatureSignatureError": ("capability_not_yet_valid", "is not valid yet"),
    "InvalidAudienceError": ("capability_wrong_audience", "was issued for another agent"),
    "InvalidIssuerError": ("capability_wrong_issuer", "was not issued by the orchestrator"),
    "InvalidSignatureError": ("capability_bad_signature", "has a signature that does not hold"),
}
"""By the class of PyJWT's error."""
