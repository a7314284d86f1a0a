"""Where the lines of a process's log end: on stderr, or nowhere. Used by whatever sets structlog up."""

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO


class LogOutput:
    """Writes lines. Once nobody can take them (a closed pipe, a full disk) they are lost, and nothing else is."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def msg(self, line: str) -> None:
        with suppress(OSError, ValueError):
            self._file.write(f"{line}\n")
            self._file.flush()

    debug = info = warning = error = critical = exception = log = msg


def to_stderr() -> Callable[..., LogOutput]:
    """A ``logger_factory`` for structlog, on the stderr of now."""
    output = LogOutput(sys.stderr)

    def factory(*_: Any) -> LogOutput:
        return output

    return factory
