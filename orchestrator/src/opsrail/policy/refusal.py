"""A wish that the gate denied, as callers of the API learn of it."""

from typing import Any

from opsrail.errors import Forbidden
from opsrail.runs.models import Run


class Denied(Forbidden):
    """Recorded as a run in the state ``denied``; the problem document tells ``run_id`` and ``governance``."""

    code = "policy_denied"

    def __init__(self, run: Run, governance: dict[str, Any]) -> None:
        super().__init__(governance["reason"])
        self.members = {"run_id": str(run.id), "governance": governance}
