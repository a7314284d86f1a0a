"""Minting and revoking credentials of agents that run elsewhere; those that we start get theirs from their host.

Where we run the server, a credential is an NKEY: its public half stands in the agent's spec, and the host writes it
into the server's configuration. Where an outside NATS trusts our account, it is a JWT that expires.
"""

import uuid
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.agents import repository as agents
from opsrail.audit.trail import Entry, record
from opsrail.auth.principal import Principal
from opsrail.bus_credentials import keys, repository
from opsrail.bus_credentials.models import BusCredential
from opsrail.bus_credentials.schemas import CredentialCreated, CredentialView
from opsrail.bus_credentials.tokens import SigningKey, credentials_file
from opsrail.db.engine import Database
from opsrail.errors import Conflict, Invalid, NotFound
from opsrail.settings import NatsSettings
from opsrail_sdk.contracts.access import access_of

log = structlog.get_logger()


async def mint(
    session: AsyncSession, database: Database, nats: NatsSettings, by: Principal, agent_id: str
) -> CredentialCreated:
    """A credential for one agent. What opens it is in this answer and nowhere else.

    Raises:
        NotFound: no such agent.
        Conflict: we start the agent ourselves; or the account carries another organisation.
    """
    agent = await agents.lock(session, by.org_id, agent_id)
    if agent is None or agent.removing:
        raise NotFound(f"no agent `{agent_id}` is installed", code="unknown_agent")
    if agent.runtime != "external":
        raise Conflict(
            f"`{agent_id}` is started by the platform, which gives it its credential", code="runtime_not_external"
        )
    if not await carried(database, nats, by.org_id):
        raise Conflict(
            "the NATS account carries another organisation; give this one an installation with an account of its own",
            code="account_of_another_organisation",
        )
    seed = keys.new_seed()
    signer = signing_key(nats)
    credential = BusCredential(
        id=uuid.uuid4(),
        org_id=by.org_id,
        agent=agent_id,
        public_key=keys.public_key(seed),
        kind="jwt" if signer else "nkey",
        created_by=by.id,
        created_at=datetime.now(UTC),
        expires_at=datetime.now(UTC) + nats.credential_lifetime if signer else None,
    )
    text = f"{seed}\n"
    if signer is not None:
        access = access_of(agent.parsed_manifest(), str(by.org_id))
        name = f"{agent_id}/{credential.id}"
        text = credentials_file(signer.user(credential.public_key, name, access, expires=credential.expires_at), seed)
    await repository.add(session, credential)
    await _tell(session, by, "bus_credential.minted", credential)
    return CredentialCreated(
        **CredentialView.model_validate(credential).model_dump(),
        credentials=text,
        nats_url=without_login(nats.url.get_secret_value()),
        org=str(by.org_id),
    )


async def revoke(session: AsyncSession, by: Principal, agent_id: str, ident: uuid.UUID | None) -> BusCredential:
    """Let nobody in with it any more.

    Raises:
        NotFound: no such credential.
    """
    credential = await repository.find(session, agent_id, ident) if ident else None
    if credential is None:
        raise NotFound("no such credential")
    await session.delete(credential)
    await _tell(session, by, "bus_credential.revoked", credential)
    return credential


def signing_key(nats: NatsSettings) -> SigningKey | None:
    """What signs JWTs, None where we run the server ourselves.

    Raises:
        Invalid: the settings do not fit together.
    """
    if nats.signing_seed is None:
        return None
    try:
        return SigningKey(nats.signing_seed.get_secret_value(), nats.account)
    except ValueError as error:
        raise Invalid(str(error), code="signing_seed_invalid") from error


async def carried(database: Database, nats: NatsSettings, org_id: uuid.UUID) -> bool:
    """Whether the bus has room for an organisation's agents.

    Within one account allow lists alone cannot keep organisations apart: a reply subject is free to choose. So an
    outside account carries one organisation, the first, unless the operator has decided otherwise.
    """
    if nats.signing_seed is None or nats.account_shared:
        return True
    async with database.across() as session:
        return await repository.first_organisation(session) == org_id


def without_login(url: str) -> str:
    """The address alone; several addresses stand side by side, separated by commas."""
    bare = []
    for one in url.split(","):
        parts = urlsplit(one)
        bare.append(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))
    return ",".join(bare)


async def _tell(session: AsyncSession, by: Principal, verb: str, credential: BusCredential) -> None:
    entry = Entry(
        actor=by.id,
        verb=verb,
        target=f"agent:{credential.agent}",
        outcome="succeeded",
        detail={"credential": str(credential.id), "public_key": credential.public_key, "kind": credential.kind},
    )
    await record(session, credential.org_id, entry)
