"""How a flow can be interrupted, and what it sees of steps that failed."""

from typing import Any


class StepFailed(Exception):
    """A step gave up. ``code`` is stable; the same is raised again on every replay."""

    def __init__(self, step: str, code: str, message: str) -> None:
        super().__init__(f"{step}: {message}")
        self.step = step
        self.code = code
        self.message = message


class SignalTimeout(StepFailed):
    """The signal did not come in time."""


class ActionFailed(StepFailed):
    """A run that the flow asked for ended other than well. ``state`` is how."""

    def __init__(self, step: str, code: str, message: str, *, run_id: str, state: str) -> None:
        super().__init__(step, code, message)
        self.run_id = run_id
        self.state = state


class FlowError(Exception):
    """The flow itself is wrong: a step's name is used twice, or its journal does not fit the code."""


class FlowCancelled(BaseException):
    """Somebody asked the flow to end. Catch it to compensate with further steps, then let it go on."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LeaseLost(BaseException):
    """Another worker has the flow now; nothing more may be written for it."""


def described(error: Exception) -> dict[str, Any]:
    """An error as it is journalled. Of unexpected ones only the type: their text is for the process log."""
    if isinstance(error, StepFailed):
        return {"code": error.code, "message": error.message}
    if isinstance(error, TimeoutError):
        return {"code": "step_timed_out", "message": "the step did not end in time"}
    code = getattr(error, "code", None)
    if isinstance(code, str):
        return {"code": code, "message": str(error)}
    return {"code": "unexpected", "message": f"failed in a way nobody planned for: {type(error).__name__}"}
