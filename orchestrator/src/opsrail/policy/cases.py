"""Tests of policies: what is given, and what is expected. Pure; called by ``service`` and by ``opsrail policy test``.

A file of cases is YAML or JSON::

    cases:
      - name: a restart in production waits for two people
        given:
          principal: {kind: user, id: alice, roles: [operator]}
          action: cloud.restart_service
          risk: write
          input: {service: api, environment: production}
          context: {blast_radius: 3, team: payments}
          at: 2026-11-21T22:00:00Z
        expect: {outcome: approval, approvals: 2, policies: [production-writes]}

Everything of ``given`` but the action may be left out; ``expect: deny`` is short for ``expect: {outcome: deny}``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from opsrail.policy.asker import Asker, Kind, Via, with_implied
from opsrail.policy.claims import NONE, Claims
from opsrail.policy.language import Judgement, Outcome, PolicySet
from opsrail.policy.question import Question, ask
from opsrail.policy.target import target_of
from opsrail_sdk.contracts.manifest import Risk

_NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
"""A Monday at noon: when a case happens that does not say."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CasePrincipal(_Strict):
    """Roles include what they imply; people and tokens are operators where none is given."""

    kind: Kind = "user"
    id: str = Field(default="somebody", min_length=1, max_length=128)
    roles: tuple[str, ...] | None = Field(default=None, max_length=50)


class Given(_Strict):
    principal: CasePrincipal = CasePrincipal()
    action: str = Field(pattern=r"^[^.]{1,64}\.[^.]{1,64}$", description="agent.action")
    risk: Risk | None = Field(default=None, description="Of the installed action where left out, else write")
    input: dict[str, Any] = Field(default_factory=dict)
    context: Claims = NONE
    dry_run: bool = False
    declared: bool = Field(default=True, description="The asking agent's manifest lists the action")
    requested_via: Via = "api"
    recent_failures: int = Field(default=0, ge=0, le=10**6)
    at: AwareDatetime = _NOON


class Expected(_Strict):
    outcome: Outcome
    policies: tuple[str, ...] | None = Field(default=None, description="Exactly these decide, in any order")
    approvals: int | None = None
    approver_role: str | None = None


def _long(value: Any) -> Any:
    return {"outcome": value} if isinstance(value, str) else value


class Case(_Strict):
    name: str = Field(min_length=1, max_length=200)
    given: Given
    expect: Annotated[Expected, BeforeValidator(_long, json_schema_input_type=Expected | Outcome)]


class CaseFile(_Strict):
    cases: tuple[Case, ...] = Field(min_length=1, max_length=1000)


@dataclass(frozen=True)
class Result:
    """How a case went; ``differences`` is empty where it passed."""

    name: str
    judgement: Judgement
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.differences

    def document(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "name": self.name,
            "passed": self.passed,
            "outcome": str(self.judgement.outcome),
            "reason": self.judgement.reason,
            "policies": list(self.judgement.policies),
            "differences": list(self.differences),
        }


def run(policies: PolicySet, cases: Iterable[Case], risks: Mapping[str, str] | None = None) -> list[Result]:
    """Judge each case.

    Args:
        risks: of installed actions, by ``agent.action``.
    """
    return [_run_one(policies, case, risks or {}) for case in cases]


def report(results: Sequence[Result]) -> dict[str, Any]:
    """Results as plain JSON."""
    failed = sum(not result.passed for result in results)
    return {
        "passed": len(results) - failed,
        "failed": failed,
        "results": [result.document() for result in results],
    }


def question_of(given: Given, risks: Mapping[str, str]) -> Question:
    """What a case asks."""
    agent, _, action = given.action.partition(".")
    return ask(
        asker=_asker(given),
        agent=agent,
        action=action,
        risk=given.risk or Risk(risks.get(given.action, Risk.WRITE)),
        dry_run=given.dry_run,
        declared=given.declared,
        target=target_of(given.input, given.context),
        claims=given.context,
        recent_failures=given.recent_failures,
        at=given.at.astimezone(UTC),
    )


def _run_one(policies: PolicySet, case: Case, risks: Mapping[str, str]) -> Result:
    judgement = policies.judge(question_of(case.given, risks))
    return Result(case.name, judgement, tuple(_differences(case.expect, judgement)))


def _differences(expected: Expected, judgement: Judgement) -> Iterable[str]:
    if judgement.outcome is not expected.outcome:
        yield f"outcome: expected {expected.outcome}, is {judgement.outcome} ({judgement.reason})"
    if expected.policies is not None and set(expected.policies) != set(judgement.policies):
        yield f"policies: expected {_listed(expected.policies)}, decided by {_listed(judgement.policies)}"
    if expected.approvals is not None and expected.approvals != judgement.approvals:
        yield f"approvals: expected {expected.approvals}, needs {judgement.approvals}"
    if expected.approver_role is not None and expected.approver_role != judgement.approver_role:
        yield f"approver_role: expected {expected.approver_role}, is {judgement.approver_role or 'none'}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _asker(given: Given) -> Asker:
    principal = given.principal
    people = principal.kind in ("user", "token", "machine")
    roles = principal.roles if principal.roles is not None else (("operator",) if people else ())
    return Asker(
        id=f"{principal.kind}:{principal.id}",
        kind=principal.kind,
        via=given.requested_via,
        roles=with_implied(roles),
    )
