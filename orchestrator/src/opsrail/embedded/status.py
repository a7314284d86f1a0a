"""What `opsrail up` shows: a live table on a terminal, else one line per change. Both on stderr."""

import os
import sys
from types import TracebackType
from typing import Self

from opsrail.embedded.child import Child, State
from opsrail.embedded.supervisor import Supervisor
from opsrail_sdk.log_output import LogOutput


class PlainStatus:
    """One line per change of a part, for logs and pipes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def changed(self, child: Child) -> None:
        detail = f" ({child.problem})" if child.state is State.BACKING_OFF and child.problem else ""
        first_line = detail.splitlines()[0] if detail else ""
        self.say(f"{child.name} {child.state}{first_line}")

    def say(self, text: str) -> None:
        LogOutput(sys.stderr).msg(text)

    async def follow(self, _stack: Supervisor) -> None:
        return None


def choose() -> PlainStatus:
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return PlainStatus()
    from opsrail.embedded.live_status import LiveStatus  # noqa: PLC0415 - rich is slow to import

    return LiveStatus()
