"""A policy set's way from draft to force: drafted, tested, replayed, activated. Called by ``endpoints``.

Services do not commit. A version's text never changes; whoever wants another drafts another.
"""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.audit.trail import Entry, Outcome, record
from opsrail.auth.principal import Principal
from opsrail.errors import Conflict, FieldError, Invalid, NotFound
from opsrail.policy import cases as testing
from opsrail.policy import repository, shipped, situation, vocabulary
from opsrail.policy.cases import Case
from opsrail.policy.language import PolicySet
from opsrail.policy.models import Decision, PolicySetRow
from opsrail.policy.replay import replay

Json = dict[str, Any]


@dataclass(frozen=True)
class Version:
    """A version with where it stands. ``row`` is None for the shipped set, version 0."""

    version: int
    policies: PolicySet
    row: PolicySetRow | None
    state: str
    """``draft``, ``tested``, ``active``, ``retired``; or ``shipped`` for version 0 while another is active."""


async def validate(session: AsyncSession, org_id: uuid.UUID, text: str) -> PolicySet:
    """A set, parsed and checked against the manifests of the installed agents.

    Raises:
        Invalid: ``invalid_policy``, with an entry per fault.
    """
    policies = PolicySet(text)
    faults = policies.check(vocabulary.of_manifests(await repository.manifests(session, org_id)))
    if faults:
        raise Invalid("the policies do not fit the installed agents", code="invalid_policy", errors=faults)
    return policies


async def draft(
    session: AsyncSession, by: Principal, text: str, *, note: str, cases: Sequence[Case]
) -> tuple[int, Json | None]:
    """Keep a valid set as the next version; and the report of its cases, where it came with some.

    Raises:
        Invalid: as ``validate``.
    """
    policies = await validate(session, by.org_id, text)
    await repository.take_turn(session, by.org_id)
    version = await repository.newest_version(session, by.org_id) + 1
    session.add(
        PolicySetRow(
            org_id=by.org_id,
            version=version,
            text=text,
            digest=policies.digest,
            note=note,
            created_by=by.id,
            cases=[],
        )
    )
    await session.flush()
    await _note(session, by, "policy.drafted", version, reason=note, detail={"digest": policies.digest})
    return version, await test(session, by, version, cases) if cases else None


async def test(session: AsyncSession, by: Principal, version: int, cases: Sequence[Case]) -> Json:
    """Run cases against a version and keep them with it; where all pass, it counts as tested.

    Raises:
        NotFound: no such version.
        Conflict: the shipped set is not yours to test.
    """
    row = await repository.get_set(session, by.org_id, version)
    if row is None:
        raise _shipped_or_missing(version)
    report = await try_cases(session, by.org_id, PolicySet(row.text), cases)
    passed = report["failed"] == 0
    await repository.note_test(
        session,
        row,
        cases=[case.model_dump(mode="json", exclude_defaults=True) for case in cases],
        report=report,
        by=by.id,
        passed_at=datetime.now(UTC) if passed else None,
    )
    detail = {"passed": report["passed"], "failed": report["failed"]}
    await _note(session, by, "policy.tested", version, outcome="succeeded" if passed else "failed", detail=detail)
    return report


async def try_cases(session: AsyncSession, org_id: uuid.UUID, policies: PolicySet, cases: Sequence[Case]) -> Json:
    """The report of cases, with the risks of the installed actions; keeps nothing."""
    manifests = await repository.manifests(session, org_id)
    risks = {f"{item['id']}.{spec['name']}": spec["risk"] for item in manifests for spec in item.get("actions", ())}
    return testing.report(await asyncio.to_thread(testing.run, policies, cases, risks))


async def rehearse(session: AsyncSession, org_id: uuid.UUID, policies: PolicySet, *, last: int) -> Json:
    """What ``policies`` would have said to the last decisions."""
    decisions = await repository.latest_decisions(session, last)
    sets = {
        decision.policy_version: await situation.policies_of(session, org_id, decision.policy_version)
        for decision in decisions
        if decision.obstacles
    }

    def recorded(decision: Decision) -> PolicySet | None:
        return sets.get(decision.policy_version)

    return await asyncio.to_thread(replay, policies, decisions, recorded)


async def activate(
    session: AsyncSession, by: Principal, version: int, *, reason: str, last: int, accept: bool
) -> Json:
    """Put a version in force for every decision from this transaction's commit on; the report of its replay.

    Raises:
        NotFound: no such version.
        Conflict: ``policy_active``, ``policy_untested``; or ``policy_changes_outcomes``, with what would have been
            decided otherwise, unless that is accepted.
        Invalid: it no longer fits the installed agents.
    """
    await repository.take_turn(session, by.org_id)
    found = await find(session, by.org_id, version)
    if found.state == "active":
        raise Conflict(f"version {version} is in force already", code="policy_active")
    if found.row is not None and found.row.tested_at is None:
        raise Conflict("test it first: all of its cases have to pass", code="policy_untested")
    await validate(session, by.org_id, found.policies.text)
    report = await rehearse(session, by.org_id, found.policies, last=last)
    if report["changed"] and not accept:
        raise Conflict(
            f"{report['summary']}; activate it with `accept` if that is meant",
            code="policy_changes_outcomes",
            errors=[FieldError(f"{item['was']} → {item['now']}", str(item["count"])) for item in report["counts"]],
        )
    await repository.insert_activation(session, by.org_id, version, by=by.id, reason=reason, replay=report)
    detail = {"digest": found.policies.digest, "replay": report["summary"]}
    await _note(session, by, "policy.activated", version, reason=reason, detail=detail)
    return report


async def find(session: AsyncSession, org_id: uuid.UUID, version: int) -> Version:
    """A version.

    Raises:
        NotFound: there is none.
    """
    past = [item.version for item in await repository.activations(session, org_id)]
    if version == shipped.VERSION:
        return Version(version, shipped.policies(), None, state_of(None, past))
    row = await repository.get_set(session, org_id, version)
    if row is None:
        raise NotFound(f"no version {version}", code="policy_unknown")
    return Version(version, PolicySet(row.text), row, state_of(row, past))


async def active(session: AsyncSession, org_id: uuid.UUID) -> Version:
    """The version in force."""
    past = await repository.activations(session, org_id, limit=1)
    return await find(session, org_id, past[0].version if past else shipped.VERSION)


def state_of(row: PolicySetRow | None, activated: Sequence[int]) -> str:
    """Where a version stands, given the versions that were activated, newest first."""
    version = row.version if row else shipped.VERSION
    if version == (activated[0] if activated else shipped.VERSION):
        return "active"
    if row is None:
        return "shipped"
    if version in activated:
        return "retired"
    return "tested" if row.tested_at else "draft"


def _shipped_or_missing(version: int) -> Conflict | NotFound:
    if version == shipped.VERSION:
        return Conflict(
            "the shipped set is tested with the product; draft a version of your own", code="policy_fixed"
        )
    return NotFound(f"no version {version}", code="policy_unknown")


async def _note(
    session: AsyncSession,
    by: Principal,
    verb: str,
    version: int,
    *,
    detail: Json,
    reason: str = "",
    outcome: Outcome = "succeeded",
) -> None:
    entry = Entry(actor=by.id, verb=verb, target=f"policy:{version}", outcome=outcome, reason=reason, detail=detail)
    await record(session, by.org_id, entry)
