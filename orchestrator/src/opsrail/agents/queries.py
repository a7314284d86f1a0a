"""Asks an agent and waits: validated by its manifest, carried by the bus, cached in Redis for as long as it allows.

Called by ``POST /v1/agents/{id}/queries/{name}``. Redis may be away; then every question goes to the agent.
"""

import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from opsrail import json_schema
from opsrail.agents.models import Agent
from opsrail.container import Container
from opsrail.errors import BadGateway, Conflict, FieldError, GatewayTimeout, Invalid, NotFound, Unavailable
from opsrail_sdk import errors as sdk_errors
from opsrail_sdk.capability import QUERY_SUBJECT
from opsrail_sdk.contracts.manifest import QuerySpec
from opsrail_sdk.contracts.run import input_digest

log = structlog.get_logger()

_MARGIN = timedelta(seconds=5)
"""Lifetime of the capability beyond the query's own time: clocks differ."""


@dataclass(frozen=True)
class Answer:
    """``age``: seconds since the agent gave it."""

    output: dict[str, Any]
    cached: bool
    age: float


async def ask(
    container: Container, agent: Agent, name: str, input: dict[str, Any], *, correlation_id: str, asker: str
) -> Answer:
    """The agent's answer, or a remembered one that is young enough.

    Raises:
        NotFound: the agent has no such query.
        Conflict: the agent is disabled.
        Invalid: the input breaks the query's schema, or the agent refused it.
        BadGateway: the agent answered with an error; ``code`` is the agent's.
        Unavailable: no instance answers.
        GatewayTimeout: it did not answer in the query's time.
    """
    manifest = agent.parsed_manifest()
    spec = manifest.query(name)
    if spec is None:
        known = ", ".join(query.name for query in manifest.queries) or "none"
        raise NotFound(f"the agent `{agent.id}` has no query `{name}`; it has {known}", code="unknown_query")
    wrong = json_schema.violations(spec.input_schema, input, field="input")
    if wrong:
        raise Invalid(f"the input does not fit `{agent.id}.{name}`", code="invalid_input", errors=wrong)
    if not agent.enabled:
        raise Conflict(f"the agent `{agent.id}` is disabled", code="agent_disabled")
    # The config may decide the answer as much as the input does.
    digest = input_digest([input, agent.config])
    key = f"query:{agent.org_id}:{agent.id}:{agent.version}:{name}:{digest}"
    remembered = await _recall(container.redis, key) if spec.cache else None
    if remembered is not None:
        return remembered
    output = await _ask(container, agent, spec, input, correlation_id=correlation_id, asker=asker)
    if spec.cache:
        await _remember(container.redis, key, output, spec.cache)
    return Answer(output, cached=False, age=0.0)


async def _ask(
    container: Container,
    agent: Agent,
    spec: QuerySpec,
    input: dict[str, Any],
    *,
    correlation_id: str,
    asker: str,
) -> dict[str, Any]:
    capability = container.signer.mint(
        org_id=str(agent.org_id),
        agent=agent.id,
        action=spec.name,
        input=input,
        run_id=QUERY_SUBJECT,
        decision_id=f"read:{asker}:{uuid.uuid4()}",
        lifetime=spec.timeout + _MARGIN,
    )
    try:
        return await container.bus.query(
            str(agent.org_id),
            agent.id,
            spec.name,
            input,
            patience=spec.timeout,
            correlation_id=correlation_id,
            capability=capability,
        )
    except sdk_errors.InvalidInput as error:
        raise Invalid(str(error), code="invalid_input", errors=[FieldError("input", str(error))]) from error
    except sdk_errors.Unavailable as error:
        if error.code == "no_responders":
            raise Unavailable(
                f"no instance of `{agent.id}` answers", code="agent_unavailable", headers={"Retry-After": "2"}
            ) from error
        if error.code == "query_timeout":
            raise GatewayTimeout(
                f"`{agent.id}.{spec.name}` did not answer within {spec.timeout.total_seconds():g} s",
                code="query_timeout",
            ) from error
        raise BadGateway(str(error), code=error.code) from error
    except sdk_errors.AgentError as error:
        raise BadGateway(str(error), code=error.code) from error


async def _recall(redis: Redis, key: str) -> Answer | None:
    try:
        kept = await redis.get(key)
    except (RedisError, OSError, TimeoutError):
        return None
    if kept is None:
        return None
    at, output = orjson.loads(kept)
    return Answer(output, cached=True, age=max(0.0, time.time() - at))


async def _remember(redis: Redis, key: str, output: dict[str, Any], ttl: timedelta) -> None:
    try:
        await redis.set(key, orjson.dumps([time.time(), output]), px=int(ttl.total_seconds() * 1000))
    except (RedisError, OSError, TimeoutError):
        log.debug("queries.not_cached", key=key)
