"""AWS Signature Version 4 of incoming requests, service ``execute-api``. Pure; ``machines`` calls it.

After https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. The body is always
hashed here; ``UNSIGNED-PAYLOAD``, streaming bodies, session tokens and presigned addresses are refused.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote_plus

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "execute-api"
SKEW = timedelta(minutes=5)
_TIMESTAMP = "%Y%m%dT%H%M%SZ"
_AUTHORIZATION = re.compile(
    r"^AWS4-HMAC-SHA256\s+Credential=(?P<key>[A-Za-z0-9]{16,64})/(?P<date>\d{8})/(?P<region>[a-z0-9-]{1,32})/"
    r"(?P<service>[a-z0-9-]{1,32})/aws4_request\s*,\s*SignedHeaders=(?P<headers>[a-z0-9!#$%&'*+.^_`|~;-]{1,2000})"
    r"\s*,\s*Signature=(?P<signature>[0-9a-f]{64})$"
)


class Unsound(Exception):
    """The request's signature cannot be accepted; the text says why, for the log and the audit trail alone."""


@dataclass(frozen=True)
class SignedRequest:
    """A request as it came over the wire.

    Attributes:
        path: as sent, percent-encoded, without the query.
        query: as sent, without the question mark.
        headers: lower-case names, in order, repeated ones repeated.
    """

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True)
class Claim:
    """What an ``Authorization`` header claims."""

    access_key_id: str
    date: str
    region: str
    signed_headers: tuple[str, ...]
    signature: str
    signed_at: datetime


def read(request: SignedRequest, *, now: datetime, region: str | None = None) -> Claim:
    """The claim of a request, before any secret is known.

    Raises:
        Unsound: malformed, stale, or signed in a way that is not accepted.
    """
    values = _values(request.headers)
    if len(values.get("authorization", ())) != 1:
        raise Unsound("one Authorization header is needed")
    found = _AUTHORIZATION.match(values["authorization"][0])
    if found is None:
        raise Unsound("the Authorization header is malformed")
    if found["service"] != SERVICE:
        raise Unsound(f"signed for the service {found['service']}")
    if region is not None and found["region"] != region:
        raise Unsound(f"signed for the region {found['region']}")
    signed_at = _signed_at(values, found["date"], now)
    if "x-amz-security-token" in values:
        raise Unsound("session tokens are not accepted")
    signed = tuple(found["headers"].split(";"))
    _check_signed_headers(signed, values)
    given_hash = values.get("x-amz-content-sha256")
    if given_hash is not None and given_hash != [hashlib.sha256(request.body).hexdigest()]:
        raise Unsound("x-amz-content-sha256 is not the hash of the body")
    return Claim(found["key"], found["date"], found["region"], signed, found["signature"], signed_at)


def matches(request: SignedRequest, claim: Claim, secret: str) -> bool:
    """Whether ``secret`` made the signature; compared in constant time.

    A query is accepted as sent, as botocore signs it, or decoded and encoded anew, as the AWS documents say. Both are
    functions of what was sent alone, and mean the same to us.
    """
    key = _signing_key(secret, claim)
    good = False
    for query in (_sorted_query(request.query), _encoded_query(request.query)):
        wanted = hmac.new(key, _string_to_sign(request, claim, query).encode(), hashlib.sha256).hexdigest()
        good |= hmac.compare_digest(wanted, claim.signature)
    return good


def _signed_at(values: dict[str, list[str]], date: str, now: datetime) -> datetime:
    dates = values.get("x-amz-date", [])
    if len(dates) != 1:
        raise Unsound("one x-amz-date header is needed")
    try:
        signed_at = datetime.strptime(dates[0], _TIMESTAMP).replace(tzinfo=UTC)
    except ValueError as error:
        raise Unsound("x-amz-date is malformed") from error
    if not dates[0].startswith(date):
        raise Unsound("the credential's date is another than x-amz-date's")
    if abs(now - signed_at) > SKEW:
        raise Unsound("x-amz-date is more than five minutes from our clock")
    return signed_at


def _check_signed_headers(signed: tuple[str, ...], values: dict[str, list[str]]) -> None:
    if list(signed) != sorted(set(signed)):
        raise Unsound("SignedHeaders is not sorted")
    if missing := [name for name in signed if name not in values]:
        raise Unsound(f"signed headers are missing: {', '.join(missing)}")
    needed = {"host"} | {name for name in values if name.startswith("x-amz-") or name == "idempotency-key"}
    if unsigned := sorted(needed - set(signed)):
        raise Unsound(f"headers are not signed: {', '.join(unsigned)}")


def _string_to_sign(request: SignedRequest, claim: Claim, query: str) -> str:
    values = _values(request.headers)
    headers = "".join(
        f"{name}:{','.join(' '.join(value.split()) for value in values[name])}\n" for name in claim.signed_headers
    )
    canonical = "\n".join(
        (
            request.method.upper(),
            _canonical_path(request.path),
            query,
            headers,
            ";".join(claim.signed_headers),
            hashlib.sha256(request.body).hexdigest(),
        )
    )
    scope = f"{claim.date}/{claim.region}/{SERVICE}/aws4_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    return f"{ALGORITHM}\n{claim.signed_at.strftime(_TIMESTAMP)}\n{scope}\n{hashed}"


def _signing_key(secret: str, claim: Claim) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (claim.date, claim.region, SERVICE, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _canonical_path(path: str) -> str:
    """Dot segments and empty ones removed, then encoded once more: every service but S3 encodes twice."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    trailing = "/" if kept and path.endswith("/") else ""
    return quote(f"/{'/'.join(kept)}{trailing}", safe="/-_.~")


def _sorted_query(query: str) -> str:
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&")) if query else []
    return "&".join(f"{name}={value}" for name, value in pairs)


def _encoded_query(query: str) -> str:
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    encoded = sorted((_encoded(name), _encoded(value)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encoded(part: str) -> str:
    return quote(unquote_plus(part), safe="-_.~")


def _values(headers: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    return values
