"""The gate: every wish passes it, and what it says is recorded before anything is done.

Called by ``runs.service`` for each wish, on whatever path it came, and by ``approvals`` when one is granted. Guards
(``opsrail.guards``) and policies must both agree; either can refuse or ask for approval.
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from prometheus_client import Counter, Histogram
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail import guards
from opsrail.errors import NotFound
from opsrail.guards import GuardRequest, Objection
from opsrail.policy import question, repository, situation
from opsrail.policy.asker import Asker
from opsrail.policy.language import DEFAULT_APPROVER, Judgement, Outcome
from opsrail.policy.question import Question
from opsrail.policy.situation import Situation
from opsrail.policy.target import target_of
from opsrail.runs.models import Run
from opsrail.runs.wish import Wish
from opsrail_sdk.contracts.manifest import Risk

DECISIONS = Counter("opsrail_policy_decisions_total", "Decisions", ["outcome"])
SECONDS = Histogram(
    "opsrail_policy_decision_seconds",
    "Time that guards and policies took",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 1),
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the gate says.

    Attributes:
        policies: ids of the policies that decided.
        obstacles: what guards object to, each as ``code: reason``.
        approvals: distinct people whose approval is needed; 0 unless the outcome is ``APPROVAL``.
        seconds: that guards and policies took.
        expires: how long approval may be waited for, where a policy says.
    """

    decision_id: uuid.UUID
    outcome: Outcome
    reason: str
    policies: tuple[str, ...]
    obstacles: tuple[str, ...]
    approvals: int
    approver_role: str
    seconds: float
    expires: timedelta | None = None

    def governance(self) -> dict[str, Any]:
        """As answers of the API tell it."""
        return {
            "allowed": self.outcome is Outcome.PERMIT,
            "outcome": str(self.outcome),
            "reason": self.reason,
            "decision_id": str(self.decision_id),
            "policies": list(self.policies),
            "obstacles": list(self.obstacles),
            "approvals": self.approvals,
            "decision_time_ms": round(self.seconds * 1000, 3),
        }


@dataclass(frozen=True)
class Decided:
    """A verdict and the row that records it."""

    verdict: Verdict
    values: Mapping[str, Any]


async def govern(
    session: AsyncSession,
    org_id: uuid.UUID,
    asker: Asker,
    wish: Wish,
    *,
    spec: Mapping[str, Any],
    run_id: uuid.UUID,
    known: Situation,
) -> Decided:
    """Decide about a wish. The caller writes ``values`` with the run, in the same statement.

    Args:
        spec: the action's, from the installed manifest.
        run_id: of the run that the wish is to become.
    """
    began = time.perf_counter()
    target = target_of(wish.input, wish.claims)
    asked = question.ask(
        asker=asker,
        agent=wish.agent,
        action=wish.action,
        risk=Risk(spec["risk"]),
        dry_run=wish.dry_run,
        declared=asker.kind != "agent" or _declares(known, wish),
        target=target,
        claims=wish.claims,
        recent_failures=known.recent_failures,
        at=datetime.now(UTC),
    )
    guarded = _guarded(asked, run_id, wish.input, cost=wish.claims.cost, dry_run=wish.dry_run)
    objections = await guards.check(session, org_id, guarded, known.standing)
    verdict = _verdict(known.policies.judge(asked), objections, began)
    subject = {"org_id": org_id, "run_id": run_id, "asker": asker.id, "correlation_id": wish.correlation_id}
    return Decided(verdict, subject | _values(asked, verdict, known))


async def reconsider(
    session: AsyncSession, run: Run, decision_id: uuid.UUID, *, approved_by: Sequence[str]
) -> Verdict:
    """Decide anew about a run that waits, now that ``approved_by`` said yes; recorded as following ``decision_id``.

    Guards and the policies in force now are asked the question of then, at the hour of now. ``PERMIT``: the approvals
    lift everything that stands against it. ``APPROVAL``: more of them are needed. ``DENY``: they no longer help.

    Raises:
        NotFound: no such decision.
    """
    began = time.perf_counter()
    first = await repository.get_decision(session, decision_id)
    if first is None:
        raise NotFound("no such decision")
    known = await situation.look(session, run.org_id, agent=run.agent, action=run.action)
    asked = question.moved(Question(first.question), at=datetime.now(UTC), recent_failures=known.recent_failures)
    cost = asked.document["context"].get("cost")
    guarded = _guarded(asked, run.id, run.input, cost=Decimal(cost) if cost else None, dry_run=run.dry_run)
    objections = await guards.check(session, run.org_id, guarded, known.standing)
    verdict = _approved(_verdict(known.policies.judge(asked), objections, began), approved_by)
    subject = {"org_id": run.org_id, "run_id": run.id, "asker": first.asker, "correlation_id": run.correlation_id}
    followed = {"follows": decision_id, "approved_by": list(approved_by)}
    await repository.insert_decision(session, subject | followed | _values(asked, verdict, known))
    return verdict


def _declares(known: Situation, wish: Wish) -> bool:
    return known.asking is not None and f"{wish.agent}.{wish.action}" in known.asking.requests


def _guarded(
    asked: Question, run_id: uuid.UUID, given: Mapping[str, Any], *, cost: Decimal | None, dry_run: bool
) -> GuardRequest:
    action, resource = asked.document["action"], asked.document["resource"]
    return GuardRequest(
        run_id=run_id,
        agent=action["agent"],
        action=action["name"],
        risk=action["risk"],
        input=given,
        dry_run=dry_run,
        environment="production" if resource["production"] else resource["environment"],
        target=resource["name"],
        cost=cost,
    )


def _verdict(judged: Judgement, objections: Sequence[Objection], began: float) -> Verdict:
    """Guards and policies together: the stricter of the two holds."""
    outcome, reasons = judged.outcome, [judged.reason]
    if objections:
        raised = [item.reason for item in objections]
        reasons = raised if outcome is Outcome.PERMIT else [*raised, judged.reason]
        if outcome is not Outcome.DENY:
            outcome = Outcome.APPROVAL if all(item.overridable for item in objections) else Outcome.DENY
    waiting = outcome is Outcome.APPROVAL
    return Verdict(
        decision_id=uuid.uuid4(),
        outcome=outcome,
        reason="; ".join(reasons),
        policies=judged.policies,
        obstacles=tuple(f"{item.code}: {item.reason}" for item in objections),
        approvals=max(1, judged.approvals) if waiting else 0,
        approver_role=(judged.approver_role or DEFAULT_APPROVER) if waiting else "",
        seconds=time.perf_counter() - began,
        expires=judged.expires if waiting else None,
    )


def _approved(verdict: Verdict, approved_by: Sequence[str]) -> Verdict:
    if verdict.outcome is not Outcome.APPROVAL or len(set(approved_by)) < verdict.approvals:
        return verdict
    reason = f"approved by {', '.join(sorted(set(approved_by)))}: {verdict.reason}"
    return replace(verdict, outcome=Outcome.PERMIT, reason=reason, approvals=0, approver_role="")


def _values(asked: Question, verdict: Verdict, known: Situation) -> dict[str, Any]:
    DECISIONS.labels(verdict.outcome).inc()
    SECONDS.observe(verdict.seconds)
    action = asked.document["action"]
    return {
        "id": verdict.decision_id,
        "agent": action["agent"],
        "action": action["name"],
        "outcome": str(verdict.outcome),
        "reason": verdict.reason,
        "policies": list(verdict.policies),
        "obstacles": list(verdict.obstacles),
        "approvals": verdict.approvals,
        "approver_role": verdict.approver_role,
        "policy_version": known.policy_version,
        "policy_digest": known.policies.digest,
        "question": asked.document,
        "seconds": verdict.seconds,
    }
