"""What a policy set would have said to wishes of the past. Pure; called by ``service`` before an activation."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from opsrail.policy.language import Outcome, PolicySet
from opsrail.policy.models import Decision
from opsrail.policy.question import Question

_VERBS = {Outcome.PERMIT: "permitted", Outcome.DENY: "denied", Outcome.APPROVAL: "held for approval"}
MOST_SHOWN = 200
"""Changed decisions that a report lists; it counts them all."""


@dataclass(frozen=True)
class Changed:
    """A decision that would have been another one."""

    decision: Decision
    was: Outcome
    now: Outcome
    reason: str
    policies: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "decision_id": str(self.decision.id),
            "run_id": str(self.decision.run_id),
            "created_at": self.decision.created_at.isoformat(),
            "asker": self.decision.asker,
            "action": f"{self.decision.agent}.{self.decision.action}",
            "was": str(self.was),
            "now": str(self.now),
            "reason": self.reason,
            "policies": list(self.policies),
        }


def replay(
    draft: PolicySet, decisions: Sequence[Decision], recorded: Callable[[Decision], PolicySet | None]
) -> dict[str, Any]:
    """Ask ``draft`` every question again; a report as plain JSON.

    Guards had their say in some outcomes; there the policies of then are asked again, so that policies are compared
    with policies.

    Args:
        recorded: the set that decided then, or None where its text is no longer known.
    """
    changed = []
    for decision in decisions:
        question = Question(decision.question)
        was = _outcome_then(decision, question, recorded)
        judged = draft.judge(question)
        if judged.outcome is not was:
            changed.append(Changed(decision, was, judged.outcome, judged.reason, judged.policies))
    counts = Counter((str(item.was), str(item.now)) for item in changed)
    return {
        "considered": len(decisions),
        "changed": len(changed),
        "counts": [
            {"was": str(was), "now": str(now), "count": count} for (was, now), count in sorted(counts.items())
        ],
        "summary": summary(Counter(item.now for item in changed), len(decisions)),
        "decisions": [item.document() for item in changed[:MOST_SHOWN]],
    }


def summary(changed: Counter[Outcome], considered: int) -> str:
    """The report in a sentence."""
    if not considered:
        return "there are no past decisions to compare with"
    runs = f"the last {considered} run{'s' if considered > 1 else ''}"
    if not changed:
        return f"this change would have decided {runs} as before"
    parts = [f"{_VERBS[outcome]} {count}" for outcome, count in sorted(changed.items())]
    return f"this change would have {' and '.join(parts)} of {runs}, unlike before"


def _outcome_then(
    decision: Decision, question: Question, recorded: Callable[[Decision], PolicySet | None]
) -> Outcome:
    if decision.obstacles:
        policies = recorded(decision)
        if policies is not None:
            return policies.judge(question).outcome
    return Outcome(decision.outcome)
