"""``/v1/machines``: identities of programs that sign their requests with AWS Signature Version 4."""

from fastapi import APIRouter, status

from opsrail.auth import machines, repository
from opsrail.auth.dependencies import Admin, Services, Transaction
from opsrail.auth.machine_schemas import MachineCreate, MachineView, MachineWithSecret
from opsrail.auth.models import Machine
from opsrail.errors import NotFound
from opsrail.idempotency import IdempotentRoute
from opsrail.pagination import Cursor, Page, Paging, uuid_or_none
from opsrail.problem import COMMON_RESPONSES

router = APIRouter(tags=["machines"], route_class=IdempotentRoute, responses=COMMON_RESPONSES)


@router.post("/machines", status_code=status.HTTP_201_CREATED)
async def create_machine(
    principal: Admin, session: Transaction, services: Services, body: MachineCreate
) -> MachineWithSecret:
    """Make a machine identity. Its secret access key is in this answer and nowhere else, ever."""
    machine, shown = await machines.create(
        session,
        await services.keyring.sealer(principal.org_id),
        by=principal,
        name=body.name,
        roles=body.roles,
        expires_at=body.expires_at,
    )
    return _with_secret(machine, shown)


@router.get("/machines")
async def list_machines(_: Admin, session: Transaction, page: Paging) -> Page[MachineView]:
    """Living machine identities, newest first."""
    rows = await repository.list_machines(session, page)
    return page.page(rows, lambda row: Cursor(row.created_at, str(row.id)), MachineView.model_validate)


@router.post("/machines/{machine_id}/rotate")
async def rotate_machine(
    principal: Admin, session: Transaction, services: Services, machine_id: str
) -> MachineWithSecret:
    """A new secret access key; the old one is void within five seconds."""
    ident = uuid_or_none(machine_id)
    if ident is None:
        raise NotFound("no such machine")
    sealer = await services.keyring.sealer(principal.org_id)
    machine, shown = await machines.rotate(session, sealer, by=principal, machine_id=ident)
    services.authenticator.forget(ident)
    return _with_secret(machine, shown)


@router.delete("/machines/{machine_id}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_machine(principal: Admin, session: Transaction, services: Services, machine_id: str) -> None:
    """Revoke a machine identity; replicas notice within five seconds."""
    ident = uuid_or_none(machine_id)
    if ident is None:
        raise NotFound("no such machine")
    await machines.revoke(session, by=principal, machine_id=ident)
    services.authenticator.forget(ident)


def _with_secret(machine: Machine, shown: str) -> MachineWithSecret:
    return MachineWithSecret(**MachineView.model_validate(machine).model_dump(), secret_access_key=shown)
