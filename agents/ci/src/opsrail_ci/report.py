"""What the world hears of a run: CDEvents on the bus, a status beside the commit. Called by ``run_pipeline``."""

from typing import Any

from opsrail_ci.adapters.base import CommitState, CommitStatus, Forge
from opsrail_ci.events import Emitter, Outcome
from opsrail_sdk.context import ActionContext
from opsrail_sdk.errors import AgentError

_STATES: dict[Outcome, CommitState] = {
    "success": CommitState.SUCCESS,
    "failure": CommitState.FAILURE,
    "error": CommitState.ERROR,
    "cancel": CommitState.CANCELLED,
}


class Report:
    """Events must reach the disk; a forge that cannot be told is only noted, it never fails the build."""

    def __init__(self, ctx: ActionContext[Any], emitter: Emitter, forge: Forge, pending: CommitStatus) -> None:
        self._ctx = ctx
        self.emitter = emitter
        self._forge = forge
        self._pending = pending
        self.pipeline = "pipeline"
        self.status_error: str | None = None

    async def queued(self) -> None:
        await self._ctx.emit(self.emitter.pipelinerun("queued", self.pipeline))

    async def started(self, pipeline: str) -> None:
        self.pipeline = pipeline
        await self._ctx.emit(self.emitter.pipelinerun("started", pipeline))
        await self._tell(CommitState.RUNNING, "is running")

    async def finished(self, outcome: Outcome, words: str, *, tell: bool = True) -> None:
        """The last word. ``words`` is for people and holds no secrets; ``tell`` the forge too."""
        errors = None if outcome == "success" else words
        event = self.emitter.pipelinerun("finished", self.pipeline, outcome=outcome, errors=errors)
        await self._ctx.emit(event)
        if tell:
            await self._tell(_STATES[outcome], words)

    async def _tell(self, state: CommitState, words: str) -> None:
        status = CommitStatus(**{**vars(self._pending), "state": state, "description": words})
        try:
            await self._forge.set_status(status)
        except AgentError as error:
            self.status_error = str(error)
            self._ctx.line(f"commit status {state.value} could not be set: {error}", stream="system")
            self._ctx.log.warning("commit_status_failed", state=state.value, reason=str(error), code=error.code)
        else:
            self.status_error = None
