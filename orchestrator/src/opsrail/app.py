"""The application: the one place where the parts of an orchestrator process are made and joined."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version

import structlog
from fastapi import FastAPI
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from opsrail import api, bootstrap, later, logs, problem, static
from opsrail.agents.service import ensure_builtin
from opsrail.audit.refusals import Refusals
from opsrail.audit.retention import Retention as AuditRetention
from opsrail.audit.sealer import ChainSealer
from opsrail.audit.signatory import Signatory
from opsrail.auth.authenticator import Authenticator
from opsrail.auth.guesses import Guesses
from opsrail.auth.passwords import Passwords
from opsrail.body_limit import BodyLimitMiddleware
from opsrail.bus_credentials.login import nats_login
from opsrail.bus_credentials.refusals import BusRefusals
from opsrail.connections.cache import ConnectionCache
from opsrail.container import Container
from opsrail.core_service import CoreService
from opsrail.correlation import CorrelationMiddleware
from opsrail.db.engine import Database
from opsrail.events.retention import Retention as EventsRetention
from opsrail.hooks import endpoints as hooks
from opsrail.hooks.service import Intake
from opsrail.organisations.provision import provision_all
from opsrail.ratelimit import RateLimiter
from opsrail.runs.dispatching import DispatchMiddleware
from opsrail.runs.lane import Lane
from opsrail.secrets.keyring import Keyring
from opsrail.secrets.resolver import Resolver
from opsrail.secrets.roots.choice import root_of
from opsrail.settings import Settings
from opsrail.signing import Signer
from opsrail.stream.hints import Hints
from opsrail.stream.owners import Owners
from opsrail.tls import redis_options
from opsrail.workers.heartbeats import Heartbeats
from opsrail.workers.keys import Keys
from opsrail.workers.projector import Projector
from opsrail.workers.runner import Worker, Workers
from opsrail.workers.runs import run_workers
from opsrail_sdk.bus import Bus, ensure_streams
from opsrail_sdk.tasks import end

log = structlog.get_logger()


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application; ``uvicorn opsrail.app:create_app --factory`` serves it."""
    settings = settings or Settings()
    logs.configure(settings.log)
    app = hooks.HookedApp(
        title="Opsrail",
        version=version("opsrail"),
        description=api.DESCRIPTION,
        lifespan=_lifespan,
        docs_url="/v1/docs",
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    app.state.settings = settings
    problem.install(app)
    app.add_middleware(DispatchMiddleware, handlers=app.exception_handlers)
    app.add_middleware(BodyLimitMiddleware, limit=settings.api.max_body, exempt=("/v1/hooks/",))
    app.add_middleware(CorrelationMiddleware)
    api.include(app)
    static.mount(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    async with AsyncExitStack() as closing:
        container = await _build(settings, closing)
        app.state.container = container
        org_id = await bootstrap.ensure(settings, container.database)
        await provision_all(container)
        core = CoreService(container)
        await core.start()
        closing.push_async_callback(core.stop)
        bus_refusals = BusRefusals(container)
        await bus_refusals.start()
        closing.push_async_callback(bus_refusals.stop)
        connections = ConnectionCache(container.database, container.keyring, container.bus)
        await connections.start()
        closing.push_async_callback(connections.close)
        intake = Intake.running(connections, container.bus, settings.hooks)
        app.state.intake = await closing.enter_async_context(intake)
        workers = Workers(_workers(container) if settings.workers else [])
        workers.start()
        closing.push_async_callback(workers.stop)
        if settings.install_agents:
            installing = asyncio.create_task(ensure_builtin(container, org_id), name="install agents")
            closing.push_async_callback(end, installing)
        loading = asyncio.create_task(later.load(), name="load the rest")
        closing.push_async_callback(end, loading)
        log.info("orchestrator.ready", workers=settings.workers)
        yield


async def _build(settings: Settings, closing: AsyncExitStack) -> Container:
    database = Database(settings.database)
    closing.push_async_callback(database.close)
    seconds = settings.redis.timeout.total_seconds()
    redis = Redis.from_url(
        settings.redis.url.get_secret_value(),
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
        **redis_options(settings.redis.url.get_secret_value(), settings.tls),
    )
    closing.push_async_callback(redis.aclose)
    bus = await Bus.connect(
        settings.nats.url.get_secret_value(),
        name="orchestrator",
        login=nats_login(settings.nats, settings.tls),
        answer=settings.nats.timeout,
    )
    closing.push_async_callback(bus.close)
    await ensure_streams(bus.js, replicas=settings.nats.replicas)
    keyring = Keyring(database, root_of(settings.secrets, settings.data))
    sealer = await keyring.sealer()
    signer = Signer(database, sealer, bus)
    await signer.refresh()
    hints = Hints(bus)
    await hints.start()
    closing.push_async_callback(hints.close)
    refusals = Refusals(database)
    refusals.start()
    closing.push_async_callback(refusals.close)
    return Container(
        settings=settings,
        database=database,
        redis=redis,
        bus=bus,
        sealer=sealer,
        keyring=keyring,
        resolver=Resolver(database, keyring, settings.secrets),
        authenticator=Authenticator(database, keyring, settings),
        limiter=RateLimiter(redis),
        guesses=Guesses(redis),
        passwords=Passwords(settings.auth),
        signer=signer,
        hints=hints,
        owners=Owners(database),
        lane=Lane(database, hints),
        refusals=refusals,
        signatory=Signatory(database, sealer),
    )


def _workers(container: Container) -> list[Worker]:
    return [
        Projector(container.database, container.bus),
        EventsRetention(container.database, container.settings.retention.events),
        Heartbeats(container),
        Keys(container.signer),
        ChainSealer(container.database, container.signatory, container.bus, container.settings.audit),
        AuditRetention(container.database, container.settings.audit.keep),
        *run_workers(container),
    ]
