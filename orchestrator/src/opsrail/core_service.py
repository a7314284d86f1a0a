"""The orchestrator's own queries on the bus, as if it were the agent ``core``. Started by ``app``.

``connection``: a connection with its credentials, for the bearer of a living capability and only of a kind that the
bearer's manifest lists. Every answer, given or refused, is logged. The stock ``nats micro`` tools see the service.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from importlib.metadata import version
from typing import Any

import orjson
import structlog
from nats.errors import Error as NatsError
from nats.micro import add_service
from nats.micro.request import Request
from nats.micro.service import Service
from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError

from opsrail.agents import repository as agents
from opsrail.audit.trail import Entry, record
from opsrail.connections import service as connections
from opsrail.connections.models import Connection
from opsrail.container import Container
from opsrail.errors import Invalid
from opsrail.errors import NotFound as NoSuchRow
from opsrail.pagination import uuid_or_none
from opsrail.sealing import SealBroken
from opsrail.secrets.references import ReferenceRefused
from opsrail.secrets.roots.base import RootUnavailable
from opsrail.secrets.sources.base import SourceUnavailable
from opsrail_sdk.bus import CAPABILITY_HEADER, CORRELATION_HEADER
from opsrail_sdk.capability import Claims, bearer
from opsrail_sdk.contracts import subjects
from opsrail_sdk.errors import AgentError, InvalidInput, NotFound, Refused, Unavailable

log = structlog.get_logger()

OPENED = Counter("opsrail_connections_opened_total", "Connections handed to agents", ["agent", "kind", "outcome"])
_ORGANISATION = re.compile(r"^opsrail\.([^.]+)\.query\.")
_UPLOAD = re.compile(r"[0-9a-f]{22}")
_MAX_INPUT = 4096

Answer = Callable[[Request], Coroutine[Any, Any, None]]
Handler = Callable[[str, dict[str, Any], Request], Awaitable[dict[str, Any]]]


class CoreService:
    """Answers for every organisation; replicas share the work."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._service: Service | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._service = await add_service(
            self._container.bus.nc,
            name=subjects.CORE_SERVICE,
            version=_semantic(version("opsrail")),
            description="Opsrail's orchestrator",
        )
        handlers: tuple[tuple[str, Handler], ...] = (
            ("connection", self._connection),
            ("discard", self._discard),
            ("ping", self._ping),
        )
        for name, handler in handlers:
            await self._service.add_endpoint(
                name=name,
                subject=subjects.query("*", subjects.CORE_SERVICE, name),
                handler=self._beside(_answering(name, handler)),
            )

    async def stop(self) -> None:
        if self._service is not None and not self._container.bus.nc.is_closed:
            try:
                await self._service.stop()
            except (NatsError, TimeoutError):
                log.debug("core.stopped_without_bus")
        await asyncio.gather(*self._running, return_exceptions=True)

    def _beside(self, answer: Answer) -> Answer:
        """Run requests side by side; the library would take them one by one."""

        async def begin(request: Request) -> None:
            task = asyncio.create_task(answer(request))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

        return begin

    async def _ping(self, org: str, _input: dict[str, Any], _request: Request) -> dict[str, Any]:
        return {"org_id": org, "version": version("opsrail")}

    async def _discard(self, org: str, input: dict[str, Any], _request: Request) -> dict[str, Any]:
        """Take back what came of an upload that failed; its name is known to nobody but who made it."""
        upload = input.get("upload")
        if not isinstance(upload, str) or _UPLOAD.fullmatch(upload) is None:
            raise InvalidInput("say which `upload`")
        await self._container.bus.objects.discard(subjects.artifacts_bucket(org), upload)
        return {}

    async def _connection(self, org: str, input: dict[str, Any], request: Request) -> dict[str, Any]:
        wanted, agent_id = input.get("connection"), input.get("agent")
        if not isinstance(wanted, str) or not isinstance(agent_id, str):
            raise InvalidInput("say which `connection`, and which `agent` you are")
        headers = request.headers or {}
        correlation = headers.get(CORRELATION_HEADER)
        try:
            claims = bearer(
                headers.get(CAPABILITY_HEADER, ""), keys=self._container.signer.keys(), org_id=org, agent=agent_id
            )
            return await self._open(claims, wanted, correlation)
        except Refused as error:
            refused = Entry(
                actor=f"agent:{agent_id}",
                verb="capability.refused" if error.code.startswith("capability_") else "connection.refused",
                target=f"connection:{wanted}",
                outcome="denied",
                reason=f"{error.code}: {error}",
                correlation_id=correlation,
            )
            self._container.refusals.note(uuid_or_none(org), refused)
            raise

    async def _open(self, claims: Claims, wanted: str, correlation_id: str | None) -> dict[str, Any]:
        fields = {"agent": claims.agent, "run": claims.run_id, "action": claims.action, "wanted": wanted}
        async with self._container.database.organisation(claims.org_id) as session:
            agent = await agents.find(session, claims.agent)
            if agent is None or not agent.enabled:
                raise Refused(f"the agent {claims.agent} is not enabled", code="agent_not_enabled")
            try:
                connection = await connections.named(session, wanted)
            except NoSuchRow as error:
                raise NotFound(f"there is no connection {wanted!r}") from error
            if connection.kind not in agent.manifest.get("connections", ()):
                OPENED.labels(claims.agent, connection.kind, "refused").inc()
                log.warning("connection.refused", kind=connection.kind, connection=str(connection.id), **fields)
                raise Refused(
                    f"the manifest of {claims.agent} does not list connections of kind {connection.kind}",
                    code="kind_not_listed",
                )
            await record(session, connection.org_id, _opening(claims, connection, correlation_id))
        try:
            opened = await connections.opened(
                self._container.keyring,
                self._container.resolver,
                connection,
                allow_private=self._container.settings.connections.allow_private,
            )
        except Invalid as error:
            why = "; ".join(f"{wrong.field}: {wrong.message}" for wrong in error.errors)
            raise Refused(f"{error}: {why}", code=error.code) from error
        except SealBroken as error:
            log.exception("connection.seal_broken", **fields)
            raise Unavailable(
                "the connection's secrets cannot be opened; set them anew", code="seal_broken"
            ) from error
        except ReferenceRefused as error:
            raise Refused(str(error), code="secret_reference_refused") from error
        except (SourceUnavailable, RootUnavailable) as error:
            log.warning("connection.secret_away", why=str(error), **fields)
            raise Unavailable(str(error), code="secret_away") from error
        OPENED.labels(claims.agent, opened.kind, "opened").inc()
        log.info("connection.opened", kind=opened.kind, connection=opened.id, **fields)
        return opened.model_dump(mode="json")


def _opening(claims: Claims, opened: Connection, correlation_id: str | None) -> Entry:
    return Entry(
        actor=f"agent:{claims.agent}",
        verb="connection.opened",
        target=f"connection:{opened.id}",
        outcome="allowed",
        decision_id=uuid_or_none(claims.decision_id),
        correlation_id=correlation_id,
        detail={"run": claims.run_id, "action": claims.action, "kind": opened.kind},
    )


def _answering(name: str, handler: Handler) -> Answer:
    async def answer(request: Request) -> None:
        if not subjects.is_inbox(request._msg.reply):  # noqa: SLF001 - the library shows it nowhere else
            log.warning("core.reply_refused", query=name, reply=request._msg.reply)  # noqa: SLF001
            return
        correlation = (request.headers or {}).get(CORRELATION_HEADER)
        try:
            matched = _ORGANISATION.match(request.subject)
            if matched is None or uuid_or_none(matched[1]) is None:
                raise InvalidInput("the subject names no organisation")
            output = await handler(matched[1], _read(request.data), request)
        except AgentError as error:
            await request.respond_error(error.code, str(error))
        except (SQLAlchemyError, TimeoutError):
            log.warning("core.database_away", query=name, correlation_id=correlation)
            await request.respond_error(Unavailable.code, "the database is away")
        except Exception:
            log.exception("core.failed", query=name, correlation_id=correlation)
            await request.respond_error("internal", "the orchestrator failed; the correlation id finds it in its log")
        else:
            await request.respond(orjson.dumps(output))

    return answer


def _read(body: bytes) -> dict[str, Any]:
    if len(body) > _MAX_INPUT:
        raise InvalidInput(f"the input is larger than {_MAX_INPUT} bytes")
    try:
        parsed = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise InvalidInput("the input is not JSON") from error
    if not isinstance(parsed, dict):
        raise InvalidInput("the input is no object")
    return parsed


def _semantic(text: str) -> str:
    """Our version as ``nats micro`` wants it: three numbers."""
    numbers = re.match(r"^\d+\.\d+\.\d+", text)
    return numbers[0] if numbers else "0.0.0"
