"""Proof that a delivery comes from who holds the connection's secret. Pure, constant-time, on the raw bytes.

Every kind accepts its sender's own proof and, beside it, ``X-Hub-Signature-256`` with the connection's secret.
What fails is told apart by ``code`` only as far as the sender's own headers show: missing, stale or wrong.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

TOLERANCE = timedelta(minutes=5)
"""How far a signed timestamp may lie from our clock, as Standard Webhooks recommends."""

STANDARD_PREFIX = "whsec_"
"""Before the key of a Standard Webhooks secret: https://www.standardwebhooks.com/"""
_MAX_SIGNATURES = 16

Headers = Mapping[str, str]
"""Lower-case names."""


class Verdict(StrEnum):
    """What a check found; the values are the stable problem codes."""

    PROVEN = "proven"
    MISSING = "signature_missing"
    WRONG = "signature_wrong"
    STALE = "signature_stale"


_GRAVITY = (Verdict.MISSING, Verdict.STALE, Verdict.WRONG)


def verify(kind: str, headers: Headers, body: bytes, secret: bytes, *, now: datetime) -> Verdict:
    """Whether ``body`` was sent by a holder of ``secret``.

    One proof that holds is enough. Where none does, the worst finding is told: wrong before stale before missing.
    """
    worst = _hub_signature(headers, body, secret, now)
    if worst is Verdict.PROVEN:
        return worst
    for check in _OWN_PROOFS.get(kind, ()):
        found = check(headers, body, secret, now)
        if found is Verdict.PROVEN:
            return found
        worst = max(worst, found, key=_GRAVITY.index)
    return worst


def hub_signature(body: bytes, secret: bytes) -> str:
    """The value of ``X-Hub-Signature-256``.

    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    """
    mac = _keyed(secret).copy()
    mac.update(body)
    return "sha256=" + mac.hexdigest()


@lru_cache(1024)
def _keyed(secret: bytes) -> hmac.HMAC:
    """Set up once for each secret: for a small body that is half of the work."""
    return hmac.new(secret, digestmod="sha256")


def standard_signature(message_id: str, timestamp: str, body: bytes, secret: bytes) -> str:
    """One value of ``webhook-signature``: https://github.com/standard-webhooks/standard-webhooks , version 1."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(_standard_key(secret), signed, "sha256")).decode()


def _standard_key(secret: bytes) -> bytes:
    """``whsec_`` secrets hold their key in base64; any other secret is the key."""
    if not secret.startswith(STANDARD_PREFIX.encode()):
        return secret
    try:
        return base64.b64decode(secret[len(STANDARD_PREFIX) :], validate=True)
    except binascii.Error:
        return secret


def _same(given: str, expected: str | bytes) -> bool:
    expected = expected.encode() if isinstance(expected, str) else expected
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected)


def _hub_signature(headers: Headers, body: bytes, secret: bytes, _: datetime) -> Verdict:
    given = headers.get("x-hub-signature-256")
    if given is None:
        return Verdict.MISSING
    return Verdict.PROVEN if _same(given, hub_signature(body, secret)) else Verdict.WRONG


def _standard(headers: Headers, body: bytes, secret: bytes, now: datetime) -> Verdict:
    message_id, timestamp, given = (headers.get(f"webhook-{name}") for name in ("id", "timestamp", "signature"))
    if message_id is None or timestamp is None or given is None:
        return Verdict.MISSING
    expected = standard_signature(message_id, timestamp, body, secret)
    matches = [_same(candidate, expected) for candidate in given.split()[:_MAX_SIGNATURES]]
    if not any(matches):
        return Verdict.WRONG
    return Verdict.PROVEN if _fresh(timestamp, now) else Verdict.STALE


def _fresh(timestamp: str, now: datetime) -> bool:
    try:
        signed_at = datetime.fromtimestamp(int(timestamp), UTC)
    except (ValueError, OverflowError, OSError):
        return False
    return abs(now - signed_at) <= TOLERANCE


def _header_token(name: str) -> Callable[[Headers, bytes, bytes, datetime], Verdict]:
    def check(headers: Headers, _body: bytes, secret: bytes, _now: datetime) -> Verdict:
        given = headers.get(name)
        if given is None:
            return Verdict.MISSING
        return Verdict.PROVEN if _same(given, secret) else Verdict.WRONG

    return check


def _authorization(headers: Headers, _body: bytes, secret: bytes, _now: datetime) -> Verdict:
    """``Bearer <secret>``, or ``Basic`` with the secret as password and any user name."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "bearer":
            given = value.strip()
        case "basic":
            try:
                given = base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
            except ValueError:
                return Verdict.WRONG
        case _:
            return Verdict.MISSING
    return Verdict.PROVEN if _same(given, secret) else Verdict.WRONG


_OWN_PROOFS: Mapping[str, tuple[Callable[[Headers, bytes, bytes, datetime], Verdict], ...]] = {
    "github": (),
    "gitlab": (_header_token("x-gitlab-token"), _standard),
    "jenkins": (_header_token("x-jenkins-token"), _authorization),
    "alertmanager": (_authorization,),
    "grafana": (_authorization,),
    "datadog": (_authorization,),
    "cloudwatch": (_authorization,),
    "cloudevents": (_authorization, _standard),
}

BASIC_KINDS = frozenset(kind for kind, proofs in _OWN_PROOFS.items() if _authorization in proofs)
"""Kinds whose senders may wait for a ``WWW-Authenticate: Basic`` challenge before they send a password (SNS does)."""
