"""``/v1/oidc/{provider}/start`` and ``/callback``: where browsers log in with an identity provider."""

import hmac
import uuid
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Query, Request, status
from fastapi.responses import RedirectResponse
from sqlalchemy import select

from opsrail.audit.trail import Entry
from opsrail.auth import cookies, login, provisioning, sessions
from opsrail.auth.address import Caller, caller_of
from opsrail.auth.dependencies import Anybody, Services
from opsrail.auth.models import IdentityProvider
from opsrail.auth.oidc import FLOW_LIFETIME, Flow, Provider, ProviderFailed, refused
from opsrail.container import Container, container_of
from opsrail.errors import NotFound, OrchestratorError, Unauthenticated
from opsrail.pagination import uuid_or_none
from opsrail.problem import COMMON_RESPONSES, response_docs

COOKIE = "opsrail_oidc"
_REDIRECT: dict[int | str, dict[str, Any]] = {303: {"description": "To the next page", "content": {}}}

router = APIRouter(
    prefix="/oidc", tags=["sessions"], responses={**COMMON_RESPONSES, **response_docs(424), **_REDIRECT}
)


@router.get("/{provider_id}/start", status_code=status.HTTP_303_SEE_OTHER, response_class=RedirectResponse)
async def start(
    _: Anybody,
    services: Services,
    request: Request,
    provider_id: str,
    next: Annotated[str, Query(max_length=500, description="Page of ours to end at")] = "/",
) -> RedirectResponse:
    """Send the browser to the identity provider."""
    row = await _enabled(services, provider_id)
    try:
        url, flow = await (await _provider(services, request, row)).begin(next if _is_ours(next) else "/")
    except ProviderFailed as error:
        return _told(request, error)
    answer = RedirectResponse(url, status.HTTP_303_SEE_OTHER)
    answer.set_cookie(
        COOKIE,
        flow.seal(services.sealer),
        max_age=int(FLOW_LIFETIME.total_seconds()),
        path=f"/v1/oidc/{row.id}",
        secure=caller_of(request, services.settings).https,
        httponly=True,
        samesite="lax",
    )
    return answer


@router.get("/{provider_id}/callback", status_code=status.HTTP_303_SEE_OTHER, response_class=RedirectResponse)
async def callback(
    caller: Anybody,
    request: Request,
    provider_id: str,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
) -> RedirectResponse:
    """Where the identity provider sends the browser back to: sets the session cookie."""
    services = container_of(request)
    row = await _enabled(services, provider_id)
    try:
        flow = _flow(services, request, row, state)
        if not code:
            raise refused(f"the provider said {request.query_params.get('error', 'nothing')[:100]}")
        claims = await (await _provider(services, request, row)).finish(flow, code)
        async with services.database.across() as session:
            user_id = await provisioning.member_of(session, row, claims)
            opened = await sessions.open_session(
                session,
                services.settings.auth,
                caller,
                org_id=row.org_id,
                user_id=user_id,
                provider_id=row.id,
                replaces=await services.authenticator.present_session(request),
            )
            await login.note(session, row.org_id, user_id, "login.succeeded", caller, method=f"oidc:{row.name}")
    except Unauthenticated as error:
        _note_failure(services, row, caller, error)
        return _told(request, error)
    except ProviderFailed as error:
        return _told(request, error)
    services.authenticator.forget(user_id)
    answer = RedirectResponse(flow.next, status.HTTP_303_SEE_OTHER)
    cookies.set_session(answer, request, services.settings, opened.cookie)
    answer.delete_cookie(COOKIE, path=f"/v1/oidc/{row.id}")
    return answer


def _told(request: Request, error: OrchestratorError) -> RedirectResponse:
    """To the login page, which says it to a person; who asks for no page gets the problem itself."""
    if "text/html" not in request.headers.get("accept", ""):
        raise error
    return RedirectResponse(f"/login?{urlencode({'refused': error.code})}", status.HTTP_303_SEE_OTHER)


async def _enabled(services: Container, text: str) -> IdentityProvider:
    ident: uuid.UUID | None = uuid_or_none(text)
    async with services.database.across() as session:
        row = await session.scalar(
            select(IdentityProvider).where(IdentityProvider.id == ident, IdentityProvider.enabled)
        )
    if row is None:
        raise NotFound("no such identity provider")
    return row


async def _provider(services: Container, request: Request, row: IdentityProvider) -> Provider:
    base = str(services.settings.api.public_url or request.base_url).rstrip("/")
    return Provider(
        row,
        await services.keyring.sealer(row.org_id),
        redirect_uri=f"{base}/v1/oidc/{row.id}/callback",
        allow_private=services.settings.connections.allow_private,
    )


def _flow(services: Container, request: Request, row: IdentityProvider, state: str) -> Flow:
    flow = Flow.open(services.sealer, request.cookies.get(COOKIE, ""))
    if flow is None or flow.provider_id != row.id or not hmac.compare_digest(flow.state.encode(), state.encode()):
        raise refused("this browser did not begin the login, or it took too long")
    return flow


def _is_ours(page: str) -> bool:
    """Whether ``page`` is a path of this site, so that a login cannot be made to end elsewhere."""
    parts = urlsplit(page)
    plain = page.startswith("/") and not page.startswith("//") and "\\" not in page and page.isprintable()
    return plain and not parts.scheme and not parts.netloc


def _note_failure(services: Container, row: IdentityProvider, caller: Caller, error: Unauthenticated) -> None:
    entry = Entry(
        actor="anonymous",
        verb="login.failed",
        target=f"identity_provider:{row.id}",
        outcome="denied",
        reason="; ".join(getattr(error, "__notes__", ())) or error.detail,
        detail={"method": f"oidc:{row.name}", "address": caller.address},
    )
    services.refusals.note(row.org_id, entry)
