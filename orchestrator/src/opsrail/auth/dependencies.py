"""What routes declare: who calls, with which scope, in which transaction, within which rate."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Response, Security
from fastapi.security import HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.auth.principal import Principal, Scope
from opsrail.container import Container, container_of
from opsrail.errors import Forbidden

bearer = HTTPBearer(auto_error=False, description="API token, `opr_…`")
"""Only for the OpenAPI document; ``Authenticator`` reads the header itself."""


async def principal_of(request: Request) -> Principal:
    """The caller, authenticated once per request; also used by the idempotent route before the body is read."""
    known: Principal | None = getattr(request.state, "principal", None)
    if known is None:
        container = container_of(request)
        known = await container.authenticator.authenticate(request.headers.get("authorization"))
        request.state.principal = known
    return known


def require(scope: Scope) -> Callable[..., Awaitable[Principal]]:
    """Dependency: a caller with this scope, within its rate limit.

    Raises:
        Unauthenticated, Forbidden, TooMany.
    """

    async def check(request: Request, response: Response, _: Annotated[object, Security(bearer)] = None) -> Principal:
        principal = await principal_of(request)
        verdict = await container_of(request).limiter.hit(f"{principal.org_id}:{principal.id}")
        response.headers.update(verdict.headers())
        verdict.enforce()
        if not principal.may(scope):
            raise Forbidden(f"this needs the scope `{scope}`", code="scope_missing")
        return principal

    return check


Reader = Annotated[Principal, Depends(require(Scope.READ))]
Writer = Annotated[Principal, Depends(require(Scope.WRITE))]
Operator = Annotated[Principal, Depends(require(Scope.OPERATE))]
Admin = Annotated[Principal, Depends(require(Scope.ADMIN))]
Approver = Annotated[Principal, Depends(require(Scope.APPROVE))]


async def _transaction(request: Request) -> AsyncIterator[AsyncSession]:
    principal = await principal_of(request)
    async with container_of(request).database.organisation(principal.org_id) as session:
        yield session


Transaction = Annotated[AsyncSession, Depends(_transaction, scope="function")]
"""The request's transaction in the caller's organisation; committed before the answer leaves."""

Services = Annotated[Container, Depends(container_of)]
