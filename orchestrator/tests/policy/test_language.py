"""Policies as text: what is taken, what they decide, and that whatever cannot be evaluated is denied."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opsrail.errors import Invalid
from opsrail.policy import shipped, vocabulary
from opsrail.policy.asker import Asker, Kind, with_implied
from opsrail.policy.claims import Claims
from opsrail.policy.language import Outcome, PolicySet
from opsrail.policy.question import Question, ask
from opsrail.policy.target import target_of
from opsrail_sdk.contracts.manifest import Risk

PERMIT = '@id("all") permit (principal, action, resource);'


def question(
    given: dict[str, Any] | None = None,
    *,
    kind: Kind = "token",
    roles: Sequence[str] = ("operator",),
    risk: Risk = Risk.WRITE,
    dry_run: bool = False,
    declared: bool = True,
    **claims: Any,
) -> Question:
    said = Claims(**claims)
    return ask(
        asker=Asker(id=f'{kind}:x"\n1', kind=kind, via="api", roles=with_implied(roles)),
        agent="ops",
        action="restart",
        risk=risk,
        dry_run=dry_run,
        declared=declared,
        target=target_of(given or {}, said),
        claims=said,
        recent_failures=0,
        at=datetime(2026, 11, 21, 22, tzinfo=UTC),
    )


PRODUCTION = {"service": "api", "environment": "production"}
STAGING = {"service": "api", "environment": "staging"}


@pytest.mark.parametrize(
    ("asked", "outcome", "policy"),
    [
        (question(STAGING), Outcome.PERMIT, "people"),
        (question({"repository": "acme/shop"}, kind="agent", roles=()), Outcome.PERMIT, "automation"),
        (question({"repository": "acme/shop"}, kind="agent", roles=(), declared=False), Outcome.DENY, "undeclared"),
        (question(PRODUCTION), Outcome.APPROVAL, "production-writes"),
        (question(PRODUCTION, kind="agent", roles=()), Outcome.APPROVAL, "production-writes"),
        (question(PRODUCTION, dry_run=True), Outcome.PERMIT, "dry-runs"),
        (question(PRODUCTION, risk=Risk.READ, roles=["viewer"]), Outcome.PERMIT, "reads"),
        (question(STAGING, risk=Risk.DESTRUCTIVE), Outcome.APPROVAL, "destructive"),
        (question(STAGING, risk=Risk.DESTRUCTIVE, roles=["admin"]), Outcome.APPROVAL, "destructive"),
        (question({**STAGING, "tags": ["protected"]}, roles=["admin"]), Outcome.DENY, "protected"),
        (question({"service": "api"}), Outcome.APPROVAL, "unknown-environment"),
        (question(STAGING, roles=["viewer"]), Outcome.DENY, None),
        (question(PRODUCTION, roles=["approver"]), Outcome.DENY, None),
        (question(STAGING, kind="user", roles=["release-managers"]), Outcome.DENY, None),
    ],
)
def test_the_shipped_set_decides_as_promised(asked: Question, outcome: Outcome, policy: str | None) -> None:
    judged = shipped.policies().judge(asked)
    assert judged.outcome is outcome
    assert policy is None or policy in judged.policies
    assert judged.reason
    assert (judged.approvals > 0) == (outcome is Outcome.APPROVAL)


def test_the_shipped_set_fits_any_organisation() -> None:
    assert shipped.policies().check(vocabulary.schema([])) == []


def test_approvals_lift_only_what_they_may() -> None:
    text = (
        PERMIT
        + """
        @id("two") @approvals("2") @reason("big") forbid (principal, action, resource)
        when { context has blast_radius && context.blast_radius > 10 };
        @id("boss") @approvals("1") @approver("admin") forbid (principal, action, resource)
        when { context has cost && context.cost.greaterThan(decimal("99.5")) };
        @id("never") @reason("no touching") forbid (principal, action, resource) when { resource.name == "core" };
        """
    )
    policies = PolicySet(text)
    assert policies.check(vocabulary.schema([])) == []
    both = policies.judge(question(blast_radius=11, cost="100"))
    assert (both.outcome, both.approvals, both.policies) == (Outcome.APPROVAL, 2, ("boss", "two"))
    assert both.approver_role == "admin"
    assert policies.judge(question(cost="99.6")).approver_role == "admin"
    assert policies.judge(question(cost="99.5")).outcome is Outcome.PERMIT
    hard = policies.judge(question({"service": "core"}, blast_radius=11))
    assert (hard.outcome, hard.policies, hard.reason) == (Outcome.DENY, ("never",), "no touching")


def test_every_policy_that_asks_for_approval_gets_its_due() -> None:
    policies = PolicySet(
        PERMIT
        + """
        @id("every") @approvals("1") @expires("PT8H") forbid (principal, action, resource);
        @id("data") @approvals("1") @approver("dba") forbid (principal, action, resource)
        when { context has blast_radius && context.blast_radius > 10 };
        @id("money") @approvals("3") @approver("finance") @expires("PT30M") forbid (principal, action, resource)
        when { context has cost && context.cost.greaterThan(decimal("99.5")) };
        """
    )
    plain = policies.judge(question())
    assert (plain.approvals, plain.approver_role, plain.expires) == (1, "approver", timedelta(hours=8))
    one = policies.judge(question(blast_radius=11))
    assert (one.approvals, one.approver_role, one.expires) == (1, "dba", timedelta(hours=8))
    both = policies.judge(question(blast_radius=11, cost="100"))
    assert (both.approvals, both.approver_role, both.expires) == (3, "dba and finance", timedelta(minutes=30))


@pytest.mark.parametrize(
    "annotations",
    [
        '@expires("PT1H")',
        '@approvals("1") @expires("1 hour")',
        '@approvals("1") @expires("3600")',
        '@approvals("1") @expires("PT1S")',
        '@approvals("1") @expires("P31D")',
        '@approvals("1") @expires("-PT1H")',
        '@approvals("1") @approver("dba and finance")',
    ],
)
def test_a_wait_or_role_that_means_nothing_is_refused(annotations: str) -> None:
    with pytest.raises(Invalid, match="annotations"):
        PolicySet(f'@id("hold") {annotations} forbid (principal, action, resource);')


def test_approval_is_not_asked_for_what_nothing_would_permit() -> None:
    text = '@id("hold") @approvals("1") forbid (principal, action, resource);' + PERMIT.replace(
        "principal,", 'principal in Role::"admin",'
    )
    policies = PolicySet(text)
    assert policies.judge(question(roles=["admin"])).outcome is Outcome.APPROVAL
    assert policies.judge(question(roles=["operator"])).outcome is Outcome.DENY


def test_a_policy_that_fails_to_evaluate_denies() -> None:
    policies = PolicySet(PERMIT + '@id("hot") forbid (principal, action, resource) when { context.cost < 1 };')
    judged = policies.judge(question(cost="5"))
    assert judged.outcome is Outcome.DENY
    assert "cannot be evaluated" in judged.reason


def test_labels_and_further_claims_are_told() -> None:
    text = """
    @id("team") permit (principal, action, resource)
    when { resource.hasTag("team") && resource.getTag("team") == "pay" && context.claims.contains("ticket=7") };
    """
    policies = PolicySet(text)
    assert policies.check(vocabulary.schema([])) == []
    assert policies.judge(question({"tags": {"Team": "pay"}}, ticket=7)).outcome is Outcome.PERMIT
    assert policies.judge(question({"tags": {"Team": "pay"}})).outcome is Outcome.DENY


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        ("permit (principal", "text", "unexpected end"),
        ("", "text", "no policies"),
        ("permit (principal, action, resource);", "policy 1", "no @id"),
        (PERMIT + PERMIT, "all", "twice"),
        ('@id("a b") permit (principal, action, resource);', "a b", "letters"),
        ('@id("a") @approvals("1") permit (principal, action, resource);', "a", "belongs on a forbid"),
        ('@id("a") @approvals("0") forbid (principal, action, resource);', "a", "whole number"),
        ('@id("a") @approvals("many") forbid (principal, action, resource);', "a", "whole number"),
        ('@id("a") @approver("x") forbid (principal, action, resource);', "a", "needs @approvals"),
        ('@id("a") @aprovals("1") forbid (principal, action, resource);', "a", "@aprovals is not"),
        ('@id("a") permit (principal == ?principal, action, resource);', "policy0", "template"),
    ],
)
def test_what_is_wrong_is_named(text: str, field: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        PolicySet(text)
    assert caught.value.code == "invalid_policy"
    (error,) = [error for error in caught.value.errors if error.field == field][:1]
    assert said in error.message


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ('resource.enviroment == "production"', "enviroment"),
        ("context.blast_radius > 3", "blast_radius"),
        ('context.hour == "noon"', "Long"),
        ('action == Action::"ops.restrat"', "ops.restrat"),
    ],
)
def test_a_slip_is_found_before_it_takes_effect(condition: str, said: str) -> None:
    policies = PolicySet(f'@id("slip") permit (principal, action, resource) when {{ {condition} }};')
    faults = policies.check(vocabulary.schema([("ops", "restart", "write")]))
    assert {fault.field for fault in faults} == {"slip"}
    assert said in " ".join(fault.message for fault in faults)
