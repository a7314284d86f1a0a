"""What an agent author writes against: four decorators, and the ``Agent`` that gathers what they mark.

The manifest is derived from these objects, never written twice::

    @action(risk=Risk.WRITE, idempotent=True, timeout=timedelta(hours=1))
    async def run_pipeline(ctx: ActionContext[CiConfig], input: RunPipeline) -> PipelineResult: ...

    agent = Agent(id="ci", title="CI", ..., actions=[run_pipeline], queries=[...], subscriptions=[...])
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict

from opsrail_sdk.context import ActionContext, Context, EventContext, QueryContext
from opsrail_sdk.contracts.cloudevent import CloudEvent
from opsrail_sdk.contracts.manifest import (
    ActionSpec,
    Manifest,
    Maturity,
    Panel,
    Permission,
    QuerySpec,
    Risk,
    ScheduleSpec,
    SubscriptionSpec,
)

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)


class NoConfig(BaseModel):
    """Config of an agent that has nothing to set."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Action(Generic[In, Out]):
    """A function marked as an action. Calling it calls the function, so tests can pass a context of their own."""

    spec: ActionSpec
    handler: Callable[[ActionContext[Any], In], Awaitable[Out]]
    input_model: type[In]
    output_model: type[Out]

    async def __call__(self, ctx: ActionContext[Any], input: In) -> Out:
        return await self.handler(ctx, input)


@dataclass(frozen=True)
class Query(Generic[In, Out]):
    """A function marked as a query: read-only, request/reply, cached by the orchestrator."""

    spec: QuerySpec
    handler: Callable[[QueryContext[Any], In], Awaitable[Out]]
    input_model: type[In]
    output_model: type[Out]

    async def __call__(self, ctx: QueryContext[Any], input: In) -> Out:
        return await self.handler(ctx, input)


@dataclass(frozen=True)
class Subscription:
    """A function marked as a listener: called once per event id, in order of arrival."""

    spec: SubscriptionSpec
    handler: Callable[[EventContext[Any], CloudEvent], Awaitable[None]]

    async def __call__(self, ctx: EventContext[Any], event: CloudEvent) -> None:
        await self.handler(ctx, event)


@dataclass(frozen=True)
class Schedule:
    """A function that one living instance runs every ``spec.every``."""

    spec: ScheduleSpec
    handler: Callable[[Context[Any]], Awaitable[None]]

    async def __call__(self, ctx: Context[Any]) -> None:
        await self.handler(ctx)


def action(
    *,
    risk: Risk,
    idempotent: bool,
    title: str | None = None,
    dry_run: bool = False,
    undo: str | None = None,
    timeout: timedelta = timedelta(minutes=10),
    max_attempts: int = 3,
) -> Callable[[Callable[[ActionContext[Any], In], Awaitable[Out]]], Action[In, Out]]:
    """Mark a function as an action named after it.

    Args:
        risk: what it can do; policy looks at this.
        idempotent: running it again after a crash does no harm. If not, an interrupted run waits for a person.
        dry_run: it honours ``ctx.dry_run`` and then only says what it would do.
        undo: name of the action that takes it back.
        timeout: longest running time of one attempt.
        max_attempts: bound on attempts, whatever the reason for trying again.
    """

    def mark(handler: Callable[[ActionContext[Any], In], Awaitable[Out]]) -> Action[In, Out]:
        input_model, output_model = _models(handler)
        spec = ActionSpec(
            name=handler.__name__,
            title=title or _title(handler),
            description=inspect.getdoc(handler) or "",
            risk=risk,
            idempotent=idempotent,
            dry_run=dry_run,
            undo=undo,
            timeout=timeout,
            max_attempts=max_attempts,
            input_schema=input_model.model_json_schema(),
            output_schema=output_model.model_json_schema(mode="serialization"),
        )
        return Action(spec, handler, input_model, output_model)

    return mark


def query(
    *,
    title: str | None = None,
    timeout: timedelta = timedelta(seconds=10),
    cache: timedelta = timedelta(0),
) -> Callable[[Callable[[QueryContext[Any], In], Awaitable[Out]]], Query[In, Out]]:
    """Mark a function as a query named after it. It must not change anything outside."""

    def mark(handler: Callable[[QueryContext[Any], In], Awaitable[Out]]) -> Query[In, Out]:
        input_model, output_model = _models(handler)
        spec = QuerySpec(
            name=handler.__name__,
            title=title or _title(handler),
            description=inspect.getdoc(handler) or "",
            timeout=timeout,
            cache=cache,
            input_schema=input_model.model_json_schema(),
            output_schema=output_model.model_json_schema(mode="serialization"),
        )
        return Query(spec, handler, input_model, output_model)

    return mark


def subscribe(
    *types: str,
) -> Callable[[Callable[[EventContext[Any], CloudEvent], Awaitable[None]]], Subscription]:
    """Mark a function as a listener to these event types; ``dev.cdevents.change.*`` means all below."""

    def mark(handler: Callable[[EventContext[Any], CloudEvent], Awaitable[None]]) -> Subscription:
        spec = SubscriptionSpec(name=handler.__name__, description=inspect.getdoc(handler) or "", types=tuple(types))
        return Subscription(spec, handler)

    return mark


def every(interval: timedelta) -> Callable[[Callable[[Context[Any]], Awaitable[None]]], Schedule]:
    """Mark a function as a schedule. However many instances live, one of them runs it per interval."""

    def mark(handler: Callable[[Context[Any]], Awaitable[None]]) -> Schedule:
        spec = ScheduleSpec(name=handler.__name__, description=inspect.getdoc(handler) or "", every=interval)
        return Schedule(spec, handler)

    return mark


@dataclass(frozen=True, kw_only=True)
class Agent:
    """A plugin: who it is and what it can do. ``opsrail_sdk.runtime.main`` runs it.

    Raises:
        ValueError: two verbs share a name, or ``undo`` names no action.
    """

    id: str
    title: str
    description: str
    version: str
    owner: str
    module: str
    maturity: Maturity = Maturity.ALPHA
    config: type[BaseModel] = NoConfig
    permissions: Sequence[Permission] = ()
    connections: Sequence[str] = ()
    requests: Sequence[str] = ()
    emits: Sequence[str] = ()
    panels: Sequence[Panel] = ()
    actions: Sequence[Action[Any, Any]] = ()
    queries: Sequence[Query[Any, Any]] = ()
    subscriptions: Sequence[Subscription] = ()
    schedules: Sequence[Schedule] = ()
    manifest: Manifest = field(init=False)

    def __post_init__(self) -> None:
        manifest = Manifest(
            id=self.id,
            title=self.title,
            description=self.description,
            version=self.version,
            owner=self.owner,
            maturity=self.maturity,
            module=self.module,
            permissions=tuple(self.permissions),
            connections=tuple(self.connections),
            requests=tuple(self.requests),
            emits=tuple(self.emits),
            actions=tuple(verb.spec for verb in self.actions),
            queries=tuple(verb.spec for verb in self.queries),
            subscriptions=tuple(verb.spec for verb in self.subscriptions),
            schedules=tuple(verb.spec for verb in self.schedules),
            panels=tuple(self.panels),
            config_schema=self.config.model_json_schema(),
        )
        object.__setattr__(self, "manifest", manifest)


def _title(handler: Callable[..., Any]) -> str:
    return handler.__name__.replace("_", " ").capitalize()


def _models(handler: Callable[..., Any]) -> tuple[type[Any], type[Any]]:
    hints = get_type_hints(handler)
    parameters = list(inspect.signature(handler).parameters)
    if len(parameters) != 2 or parameters[1] not in hints or "return" not in hints:
        raise TypeError(f"{handler.__qualname__} must be annotated as (ctx, input: Model) -> Model")
    models = hints[parameters[1]], hints["return"]
    for model in models:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise TypeError(f"{handler.__qualname__}: {model!r} is not a pydantic model")
    return models
