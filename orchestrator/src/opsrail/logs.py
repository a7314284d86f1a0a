"""The process log of the orchestrator: structlog over the standard library, console for people, JSON elsewhere."""

import logging
import re
import sys

import structlog

from opsrail.plain import one_line, plain
from opsrail.settings import LogSettings
from opsrail_sdk.log_output import to_stderr
from opsrail_sdk.masking import mask_log

_OURS = re.compile(r"^Traceback [^\0]*\nopsrail(?:_sdk)?\.[\w.]+: (?P<said>.+)\s*\Z")


def configure(settings: LogSettings) -> None:
    """Set structlog and the standard library's root logger up, both in one form."""
    console = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    level = logging.getLevelName(settings.level.upper())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final = rendering(console=console)
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=to_stderr(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *final,
            ],
        )
    )
    handler.addFilter(_plain_fault)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.INFO))
    for noisy in ("httpx", "nats", "uvicorn.access", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def rendering(*, console: bool) -> list[structlog.typing.Processor]:
    """The last steps of every entry: masked, then a line of JSON or of text for people."""
    if console:
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        return [structlog.processors.format_exc_info, mask_log, _tame, renderer]
    return [structlog.processors.format_exc_info, mask_log, structlog.processors.JSONRenderer()]


def _plain_fault(record: logging.LogRecord) -> bool:
    """A start that fails for a reason of ours, such as a key that is missing, is told in its own words.

    uvicorn logs the traceback through every router's lifespan, which hides them.
    """
    if record.name == "uvicorn.error" and isinstance(record.msg, str) and (fault := _OURS.search(record.msg)):
        record.msg, record.args = f"start failed: {fault['said']}", ()
    return True


def _tame(_logger: object, _method: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What somebody else wrote neither moves the reader's cursor nor looks like another entry."""
    return {
        key: (plain(value) if key == "exception" else one_line(value)) if isinstance(value, str) else value
        for key, value in entry.items()
    }
