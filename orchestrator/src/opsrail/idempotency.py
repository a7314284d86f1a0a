"""``Idempotency-Key``: a POST repeated with the same key gets the first answer and has no second effect.

Used as the route class of every router. A key is bound to the caller, the path and the body; reusing it for
something else is refused. A key whose first request is still under way answers 409. Refusals and faults have no
effect to repeat and are not kept, so the key stays free for the next try. Keys are forgotten after a day; answers are
kept sealed, since some hold a secret that is shown once.

The answer is kept after the effect: a repeat after a crash in between takes over, and has the ``claim_of`` of the
first, by which a run is recognised.
"""

import hashlib
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from sqlalchemy import text

from opsrail.auth.dependencies import principal_of
from opsrail.auth.principal import Principal
from opsrail.container import Container, container_of
from opsrail.errors import BadRequest, Conflict, FieldError, Invalid

HEADER = "Idempotency-Key"
KEEP = timedelta(days=1)
LOCK_SECONDS = 60
"""How long a first request may take before a repeat takes over, as after a crash."""
_MAX_KEY = 200

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotentRoute(APIRoute):
    """A route whose POSTs honour ``Idempotency-Key``."""

    def get_route_handler(self) -> Handler:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            key = request.headers.get(HEADER)
            if request.method != "POST" or key is None:
                return await inner(request)
            if not 1 <= len(key) <= _MAX_KEY:
                raise BadRequest(f"{HEADER} has 1 to {_MAX_KEY} characters", errors=[FieldError(HEADER, "length")])
            principal = await principal_of(request)
            container = container_of(request)
            fingerprint = hashlib.sha256(request.url.path.encode() + b"\0" + await request.body()).digest()
            claimed = await _claim(container, principal, key, fingerprint)
            if isinstance(claimed, Response):
                return claimed
            request.state.idempotency_claim = claimed
            try:
                response = await inner(request)
            except BaseException:
                await _release(container, principal, key)
                raise
            await _keep(container, principal, key, response)
            return response

        return handle


def claim_of(request: Request) -> str | None:
    """What a request with a key has in common with its repeats alone; nobody can guess it."""
    claim: str | None = getattr(request.state, "idempotency_claim", None)
    return claim


async def _claim(container: Container, principal: Principal, key: str, fingerprint: bytes) -> Response | str:
    """The right to act, as ``claim_of`` tells it, or the answer that was given already."""
    names = {"org": principal.org_id, "principal": principal.id, "key": key}
    async with container.database.organisation(principal.org_id) as session:
        inserted = await session.execute(
            text(
                """
                INSERT INTO idempotency_keys AS k (org_id, principal, key, request_hash, locked_until)
                VALUES (:org, :principal, :key, :hash, now() + make_interval(secs => :lock))
                ON CONFLICT (org_id, principal, key) DO UPDATE SET locked_until = EXCLUDED.locked_until
                  WHERE k.status IS NULL AND k.locked_until < now() AND k.request_hash = EXCLUDED.request_hash
                RETURNING created_at
                """
            ),
            {**names, "hash": fingerprint, "lock": LOCK_SECONDS},
        )
        begun = inserted.scalar_one_or_none()
        if begun is not None:
            claim = f"{principal.id}\0{key}\0{begun.timestamp()}".encode()
            return f"idempotency:{hashlib.sha256(claim).hexdigest()}"
        row = (
            await session.execute(
                text(
                    "SELECT request_hash, status, body, media_type FROM idempotency_keys"
                    " WHERE org_id = :org AND principal = :principal AND key = :key"
                ),
                names,
            )
        ).one()
    if bytes(row.request_hash) != fingerprint:
        raise Invalid(
            "the key was used for another request",
            code="idempotency_key_reused",
            errors=[FieldError(HEADER, "reused")],
        )
    if row.status is None:
        raise Conflict("the first request with this key is still under way", code="idempotency_in_progress")
    sealer = await container.keyring.sealer(principal.org_id)
    return Response(
        sealer.open(bytes(row.body), context=_context(principal, key)),
        status_code=row.status,
        media_type=row.media_type,
        headers={"Idempotency-Replayed": "true"},
    )


def _context(principal: Principal, key: str) -> str:
    return f"idempotency_keys:{principal.id}:{key}"


async def _keep(container: Container, principal: Principal, key: str, response: Response) -> None:
    sealer = await container.keyring.sealer(principal.org_id)
    async with container.database.organisation(principal.org_id) as session:
        await session.execute(
            text(
                "UPDATE idempotency_keys SET status = :status, body = :body, media_type = :media_type"
                " WHERE org_id = :org AND principal = :principal AND key = :key"
            ),
            {
                "status": response.status_code,
                "body": sealer.seal(bytes(response.body), context=_context(principal, key)),
                "media_type": response.headers.get("content-type"),
                "org": principal.org_id,
                "principal": principal.id,
                "key": key,
            },
        )


async def _release(container: Container, principal: Principal, key: str) -> None:
    async with container.database.organisation(principal.org_id) as session:
        await session.execute(
            text("DELETE FROM idempotency_keys WHERE org_id = :org AND principal = :principal AND key = :key"),
            {"org": principal.org_id, "principal": principal.id, "key": key},
        )
