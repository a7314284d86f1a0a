"""Logs and traces, set up in one place for agents and orchestrator.

structlog writes for people on a terminal and JSON elsewhere. OpenTelemetry's context travels in ``traceparent``
(W3C Trace Context) in message headers, events and commands; without an exporter it is passed on untouched, so
one trace still covers everything. Spans carry the attribute names of the messaging semantic conventions:
https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
"""

import logging
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Literal, TypeVar

import structlog
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from opsrail_sdk.errors import SetupError
from opsrail_sdk.log_output import to_stderr
from opsrail_sdk.masking import mask_log

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "console", "json"]
Carrier = TypeVar("Carrier", bound=MutableMapping[str, str])

_PROPAGATOR = TraceContextTextMapPropagator()


def configure_logging(level: LogLevel = "info", format: LogFormat = "auto") -> None:
    """Send structlog, and what libraries log, to stderr in one form."""
    console = format == "console" or (format == "auto" and sys.stderr.isatty())
    renderer: structlog.types.Processor
    if console:
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    else:
        renderer = structlog.processors.JSONRenderer()
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    shared += [structlog.processors.format_exc_info, mask_log]
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=to_stderr(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def configure_tracing(service: str, *, version: str, instance: str, endpoint: str | None) -> None:
    """Export spans to an OTLP/HTTP collector; without an endpoint spans are not recorded.

    Raises:
        SetupError: an endpoint is set but the ``otlp`` extra is not installed.
    """
    if endpoint is None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    except ImportError as error:
        raise SetupError("traces need the extra: pip install 'opsrail-sdk[otlp]'") from error
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    resource = Resource.create({"service.name": service, "service.version": version, "service.instance.id": instance})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
    trace.set_tracer_provider(provider)


def inject(carrier: Carrier) -> Carrier:
    """Add the current trace context to message headers; returns them."""
    _PROPAGATOR.inject(carrier)
    return carrier


def traceparent() -> str | None:
    """The current trace context as it travels, or None outside of a trace."""
    carrier: dict[str, str] = {}
    return inject(carrier).get("traceparent")


@contextmanager
def handling(
    name: str,
    *,
    destination: str,
    message_id: str,
    correlation_id: str,
    parent: str | None,
    attributes: Mapping[str, str] | None = None,
) -> Iterator[Span]:
    """Work on one message: a consumer span under ``parent``, the correlation id bound to every log line."""
    context = _PROPAGATOR.extract({"traceparent": parent} if parent else {})
    described = {
        "messaging.system": "nats",
        "messaging.operation.type": "process",
        "messaging.destination.name": destination,
        "messaging.message.id": message_id,
        "messaging.message.conversation_id": correlation_id,
        **(attributes or {}),
    }
    tracer = trace.get_tracer("opsrail_sdk")
    with (
        structlog.contextvars.bound_contextvars(correlation_id=correlation_id),
        tracer.start_as_current_span(name, context=context, kind=SpanKind.CONSUMER, attributes=described) as span,
    ):
        yield span


def mark_failed(span: Span, code: str) -> None:
    """Record on the span why the work did not succeed."""
    span.set_attribute("error.type", code)
    span.set_status(Status(StatusCode.ERROR, code))
