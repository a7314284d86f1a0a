"""``/v1/artifacts``."""

import uuid
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from opsrail.artifacts import headers, repository
from opsrail.artifacts.models import Artifact
from opsrail.artifacts.schemas import ArtifactView
from opsrail.audit.trail import Entry, record
from opsrail.auth.dependencies import Reader, Services, Transaction
from opsrail.container import Container
from opsrail.errors import BadGateway, NotFound, Unavailable
from opsrail.idempotency import IdempotentRoute
from opsrail.pagination import Cursor, Page, Paging, uuid_or_none
from opsrail.problem import COMMON_RESPONSES, response_docs
from opsrail_sdk import errors as sdk
from opsrail_sdk.contracts import subjects

router = APIRouter(tags=["artifacts"], route_class=IdempotentRoute, responses=COMMON_RESPONSES)


@router.get("/artifacts")
async def list_artifacts(
    _: Reader,
    session: Transaction,
    page: Paging,
    run_id: Annotated[str | None, Query(max_length=64, description="Only of this run")] = None,
) -> Page[ArtifactView]:
    """Artifacts, newest first."""
    run = uuid_or_none(run_id) if run_id is not None else None
    if run_id is not None and run is None:
        return Page(items=[])
    rows = await repository.list_artifacts(session, page, run_id=run)
    return page.page(rows, lambda row: Cursor(row.stored_at, row.id), ArtifactView.model_validate)


@router.get("/artifacts/{artifact_id}")
async def get_artifact(principal: Reader, services: Services, artifact_id: str) -> ArtifactView:
    """What is known about an artifact."""
    return ArtifactView.model_validate(await _find(services, principal.org_id, artifact_id))


@router.get(
    "/artifacts/{artifact_id}/content",
    response_class=Response,
    responses={
        200: {
            "description": "The bytes",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        304: {"description": "The caller has them: `If-None-Match` holds the digest"},
        **response_docs(502),
    },
)
async def get_content(
    principal: Reader, services: Services, artifact_id: str, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """The bytes, streamed. What does not match its digest breaks off before its announced length."""
    artifact = await _find(services, principal.org_id, artifact_id)
    read = Entry(
        actor=principal.id,
        verb="artifact.read",
        target=f"artifact:{artifact.id}",
        outcome="allowed",
        detail={"run": str(artifact.run_id), "name": artifact.name},
    )
    async with services.database.organisation(principal.org_id) as session:
        await record(session, principal.org_id, read)
    if if_none_match is not None and headers.etag(artifact) in if_none_match:
        return Response(status_code=304, headers={"ETag": headers.etag(artifact)})
    chunks = services.bus.objects.read(subjects.artifacts_bucket(str(principal.org_id)), artifact.object_name)
    try:
        first = await anext(aiter(chunks), b"")
    except sdk.NotFound as error:
        raise NotFound("the artifact's bytes are gone", code="artifact_gone") from error
    except sdk.Unavailable as error:
        raise Unavailable("the object store does not answer", headers={"Retry-After": "2"}) from error
    except sdk.AgentError as error:
        raise BadGateway(str(error), code=error.code) from error

    async def body() -> AsyncGenerator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    return StreamingResponse(
        body(), media_type=headers.media_type(artifact), headers=headers.content_headers(artifact)
    )


@router.head("/artifacts/{artifact_id}/content", include_in_schema=False)
async def describe_content(principal: Reader, services: Services, artifact_id: str) -> Response:
    """What ``get_content`` would say before the bytes."""
    artifact = await _find(services, principal.org_id, artifact_id)
    return Response(media_type=headers.media_type(artifact), headers=headers.content_headers(artifact))


async def _find(services: Container, org_id: uuid.UUID, artifact_id: str) -> Artifact:
    async with services.database.organisation(org_id) as session:
        artifact = await repository.get(session, org_id, artifact_id) if "\0" not in artifact_id else None
    if artifact is None:
        raise NotFound("no such artifact")
    return artifact
