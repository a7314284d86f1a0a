"""What routes declare: who calls, with which scope, in which transaction, within which rates."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Response, Security
from fastapi.security import HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.auth import cookies
from opsrail.auth.address import Caller, caller_of
from opsrail.auth.guesses import Subject
from opsrail.auth.principal import Kind, Principal, Scope
from opsrail.container import Container, container_of
from opsrail.errors import Forbidden, TooMany, Unauthenticated
from opsrail.ratelimit import Counted, Verdict

bearer = HTTPBearer(auto_error=False, description="API token, `opr_…`")
"""Only for the OpenAPI document; ``Authenticator`` reads the header itself."""

FREE_PROOFS = 30
"""Wrong proofs of identity from one address before each further one is slowed down."""


async def principal_of(request: Request) -> Principal:
    """The caller, authenticated once per request; also used by the idempotent route before the body is read.

    Raises:
        Unauthenticated, Forbidden (CSRF), TooMany.
    """
    known: Principal | None = getattr(request.state, "principal", None)
    if known is None:
        container = container_of(request)
        try:
            known = await container.authenticator.authenticate(request)
            if known.kind is Kind.USER:
                cookies.check_csrf(request, container.settings)
        except Unauthenticated as error:
            await _turned_away(request, container, error)
            raise
        request.state.principal = known
    return known


async def rate_of(request: Request, principal: Principal | None = None) -> Verdict:
    """Count a request against its limits.

    Raises:
        TooMany: past one of them.
    """
    container = container_of(request)
    settings = container.settings
    address = caller_of(request, settings).address
    counted = [Counted(f"address:{address}", settings.auth.requests_per_address)]
    if principal is not None:
        org = principal.org_id
        counted.append(Counted(f"caller:{org}:{principal.id}", settings.api.rate_per_minute))
        counted.append(Counted(f"organisation:{org}", settings.auth.requests_per_organisation))
    verdict = await container.limiter.hit(counted)
    verdict.enforce()
    return verdict


def require(scope: Scope) -> Callable[..., Awaitable[Principal]]:
    """Dependency: a caller with this scope, within its rate limits.

    Raises:
        Unauthenticated, Forbidden, TooMany.
    """

    async def check(request: Request, response: Response, _: Annotated[object, Security(bearer)] = None) -> Principal:
        principal = await principal_of(request)
        response.headers.update((await rate_of(request, principal)).headers())
        if not principal.may(scope):
            raise Forbidden(f"this needs the scope `{scope}`", code="scope_missing")
        return principal

    return check


async def _turned_away(request: Request, container: Container, error: Unauthenticated) -> None:
    """Count and slow down. Missing proof is no attack."""
    await rate_of(request)
    if error.code == "token_missing":
        return
    address = caller_of(request, container.settings).address
    try:
        await container.guesses.admit([Subject("proof", address, FREE_PROOFS)])
    except TooMany as slower:
        raise slower from error


async def _caller(request: Request, response: Response) -> Caller:
    container = container_of(request)
    response.headers.update((await rate_of(request)).headers())
    return caller_of(request, container.settings)


Reader = Annotated[Principal, Depends(require(Scope.READ))]
Writer = Annotated[Principal, Depends(require(Scope.WRITE))]
Operator = Annotated[Principal, Depends(require(Scope.OPERATE))]
Admin = Annotated[Principal, Depends(require(Scope.ADMIN))]
Approver = Annotated[Principal, Depends(require(Scope.APPROVE))]

Anybody = Annotated[Caller, Depends(_caller)]
"""For the few routes that need no proof, such as the login: who calls by address, within its rate limit."""


async def _transaction(request: Request) -> AsyncIterator[AsyncSession]:
    principal = await principal_of(request)
    async with container_of(request).database.organisation(principal.org_id) as session:
        yield session


Transaction = Annotated[AsyncSession, Depends(_transaction, scope="function")]
"""The request's transaction in the caller's organisation; committed before the answer leaves."""


async def _services(request: Request) -> Container:
    """Not ``container_of`` itself: a dependency that is no coroutine costs each request a thread."""
    return container_of(request)


Services = Annotated[Container, Depends(_services)]
