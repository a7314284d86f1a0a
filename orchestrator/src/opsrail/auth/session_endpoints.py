"""``/v1/login``, ``/v1/logout``, ``/v1/session``, ``/v1/sessions`` and ``/v1/password``: browsers and people."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status
from sqlalchemy import select

from opsrail.auth import cookies, login, repository, secret, sessions
from opsrail.auth.address import caller_of
from opsrail.auth.dependencies import Anybody, Reader, Services
from opsrail.auth.models import BrowserSession, IdentityProvider, Organisation, User
from opsrail.auth.principal import Principal
from opsrail.auth.session_schemas import (
    Login,
    LoginOptions,
    OrganisationRef,
    PasswordChange,
    ProviderOption,
    SessionItem,
    SessionSwitch,
    SessionView,
)
from opsrail.auth.sessions import Opened
from opsrail.container import Container
from opsrail.errors import NotFound
from opsrail.pagination import Cursor, Page, Paging, uuid_or_none
from opsrail.problem import COMMON_RESPONSES

router = APIRouter(tags=["sessions"], responses=COMMON_RESPONSES)


@router.get("/login")
async def login_options(
    _: Anybody, services: Services, organisation: Annotated[str, Query(max_length=64, description="Slug")] = "main"
) -> LoginOptions:
    """How one can log in to an organisation. One that does not exist has no providers."""
    async with services.database.across() as session:
        rows = await session.scalars(
            select(IdentityProvider)
            .join(Organisation, Organisation.org_id == IdentityProvider.org_id)
            .where(Organisation.slug == organisation, IdentityProvider.enabled)
            .order_by(IdentityProvider.title)
        )
        providers = [ProviderOption(id=row.id, title=row.title, start=f"/v1/oidc/{row.id}/start") for row in rows]
    return LoginOptions(providers=providers)


@router.post("/login")
async def log_in(
    caller: Anybody, services: Services, request: Request, response: Response, body: Login
) -> SessionView:
    """Log in with a password: sets the session cookie. Unknown and wrong are answered alike."""
    cookies.check_origin(request, services.settings)
    attempt = login.Attempt(body.email, body.password.get_secret_value(), caller)
    replaces = await services.authenticator.present_session(request)
    opened = await login.with_password(services, attempt, slug=body.organisation, replaces=replaces)
    return await _entered(services, request, response, opened)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
async def log_out(principal: Reader, services: Services, request: Request, response: Response) -> None:
    """End the session of the cookie. A token stays as it is; revoke it instead."""
    await login.log_out(services, principal)
    cookies.clear_session(response, request, services.settings)


@router.get("/session")
async def get_session(principal: Reader, services: Services, request: Request) -> SessionView:
    """Who the caller is, what it may do, where else its login leads, and the CSRF token of its session."""
    presented = cookies.session_of(request) if principal.session else None
    return await _view(services, principal, cookies.csrf_token(presented.secret) if presented else None)


@router.post("/session/organisation")
async def switch_organisation(
    principal: Reader, services: Services, request: Request, response: Response, body: SessionSwitch
) -> SessionView:
    """Go on in another organisation. The session is rotated: a new cookie and a new CSRF token."""
    caller = caller_of(request, services.settings)
    opened = await login.switch(services, principal, caller, body.organisation)
    return await _entered(services, request, response, opened)


@router.put("/password")
async def change_password(
    principal: Reader, services: Services, request: Request, response: Response, body: PasswordChange
) -> SessionView:
    """Change one's own password. All other sessions end, this one is rotated."""
    caller = caller_of(request, services.settings)
    opened = await login.change_password(
        services, principal, caller, old=body.old.get_secret_value(), new=body.new.get_secret_value()
    )
    return await _entered(services, request, response, opened)


@router.get("/sessions")
async def list_sessions(principal: Reader, services: Services, page: Paging) -> Page[SessionItem]:
    """One's own living sessions, newest first."""
    async with services.database.across() as session:
        rows = await sessions.mine(session, await login.current(session, principal), page)
    return page.page(
        rows,
        lambda row: Cursor(row.created_at, str(row.id)),
        lambda row: SessionItem(
            id=row.id,
            current=row.id == principal.session,
            address=row.address,
            user_agent=row.user_agent,
            created_at=row.created_at,
            seen_at=row.seen_at,
            expires_at=row.expires_at,
        ),
    )


@router.delete("/sessions/{session_id}", status_code=status.HTTP_204_NO_CONTENT)
async def end_session(principal: Reader, services: Services, session_id: str) -> None:
    """End one of one's own sessions; replicas notice within five seconds."""
    ident = uuid_or_none(session_id)
    async with services.database.across() as session:
        current = await login.current(session, principal)
        if ident is None or not await sessions.end_mine(session, current, ident):
            raise NotFound("no such session")
    services.authenticator.forget(ident)


async def _entered(services: Container, request: Request, response: Response, opened: Opened) -> SessionView:
    presented = secret.parse(opened.cookie, secret.SESSION_PREFIX)
    assert presented is not None
    cookies.set_session(response, request, services.settings, opened.cookie)
    principal = await services.authenticator.session(presented)
    return await _view(services, principal, cookies.csrf_token(presented.secret))


async def _view(services: Container, principal: Principal, csrf: str | None) -> SessionView:
    async with services.database.across() as session:
        kept = await session.get(BrowserSession, principal.session) if principal.session else None
        user = await session.get(User, kept.user_id) if kept else None
        if kept is not None:
            rows = await repository.organisations_of(session, kept.user_id, kept.provider_id)
            organisations = [OrganisationRef.model_validate(row) for row in rows]
        else:
            own = await session.get_one(Organisation, principal.org_id)
            organisations = [OrganisationRef.model_validate(own)]
    return SessionView(
        principal=principal.id,
        kind=principal.kind,
        person=principal.person,
        name=principal.name,
        email=user.email if user else None,
        org_id=principal.org_id,
        org=principal.org_slug,
        scopes=sorted(principal.scopes),
        roles=sorted(principal.roles),
        organisations=organisations,
        csrf_token=csrf,
        expires_at=kept.expires_at if kept else None,
    )
