"""Whatever people, agents, cancels, clocks and tampering do, in any order: nothing runs without a permit.

A Hypothesis state machine over the real database, with the transactions that routes and workers make.
"""

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as profile
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.approvals import deciding
from opsrail.approvals.deciding import Seen
from opsrail.auth.principal import Kind, Principal, Scope
from opsrail.db.engine import Database
from opsrail.errors import OrchestratorError
from opsrail.guards import service as guards
from opsrail.policy import shipped
from opsrail.policy.asker import Asker
from opsrail.runs import making, outcomes, service
from opsrail.runs.outcomes import Reports, Source
from opsrail.runs.progress import Seen as SeenStatus
from opsrail.runs.wish import Wish
from opsrail.settings import DatabaseSettings, Settings
from opsrail.testing.played_agent import MANIFEST
from opsrail.workers import dispatcher
from opsrail_sdk.contracts.run import RunState, RunStatus, input_digest

LIFETIME = timedelta(hours=1)
PEOPLE = ("ann", "bob", "cyd")
MOST = 3
"""Runs at a time: a few that much happens to, rather than many that are left alone."""
BEGUN = ("queued", "running", "succeeded", "failed", "timed_out", "interrupted")


class Runs(RuleBasedStateMachine):
    """Runs and approvals of one organisation."""

    asked = Bundle("asked")

    def __init__(self, database: DatabaseSettings) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.database = self.loop.run(_open(database))
        self.org = uuid.uuid4()
        self.sequence = 0

    def teardown(self) -> None:
        self.loop.run(self.database.close())
        self.loop.close()

    def within(self, work: Callable[[AsyncSession], Coroutine[Any, Any, Any]]) -> Any:
        """A transaction of the organisation; what it is refused is no failure."""

        async def run() -> Any:
            try:
                async with self.database.organisation(self.org) as session:
                    return await work(session)
            except OrchestratorError as error:
                return error

        return self.loop.run(run())

    @initialize(needed=st.sampled_from([1, 2]))
    def install(self, needed: int) -> None:
        policies = shipped.policies().text.replace('@approvals("1")', f'@approvals("{needed}")')

        async def make() -> None:
            async with self.database.across() as session:
                await session.execute(
                    text("INSERT INTO organisations (org_id, slug, title) VALUES (:org, :slug, 't')"),
                    {"org": self.org, "slug": str(self.org)},
                )
                await session.execute(
                    text(
                        "INSERT INTO agents (org_id, id, manifest, module, version, runtime, enabled, state) VALUES"
                        " (:org, 'calc', CAST(:manifest AS json), 'calc', '1.0.0', 'external', true, 'enabled')"
                    ),
                    {"org": self.org, "manifest": orjson.dumps(MANIFEST.model_dump(mode="json")).decode()},
                )
                await session.execute(
                    text(
                        "INSERT INTO policy_sets (org_id, version, text, digest, note, created_by)"
                        " VALUES (:org, 1, :text, 'd', '', 'user:ann')"
                    ),
                    {"org": self.org, "text": policies},
                )
                await session.execute(
                    text(
                        "INSERT INTO policy_activations (org_id, version, activated_by, reason, replay)"
                        " VALUES (:org, 1, 'user:ann', '', '{}')"
                    ),
                    {"org": self.org},
                )

        self.loop.run(make())

    @rule(
        target=asked,
        who=st.sampled_from(PEOPLE),
        action=st.sampled_from(["drop", "drop", "drop", "add"]),
        number=st.integers(0, 3),
    )
    def ask(self, who: str, action: str, number: int) -> uuid.UUID:
        asker = Asker.of(self.person(who, "operator"))
        wish = Wish(
            agent="calc",
            action=action,
            input={"a": number, "b": 0},
            requested_by=asker.id,
            correlation_id="c",
            concurrency_group="g" if number == 3 else None,
        )
        created = self.within(lambda session: making.create(session, self.org, wish, asker))
        ident: uuid.UUID = created.run.id
        return ident

    @rule(
        run=asked, who=st.sampled_from(PEOPLE), role=st.sampled_from(["approver", "operator"]), honest=st.booleans()
    )
    def somebody_says_yes(self, run: uuid.UUID, who: str, role: str, honest: bool) -> None:
        self.grant(run, who, role, honest=honest)

    def grant(self, run: uuid.UUID, who: str, role: str, *, honest: bool) -> None:
        async def work(session: AsyncSession) -> None:
            row = await session.execute(text("SELECT input FROM runs WHERE id = :run"), {"run": run})
            seen = input_digest(row.scalar_one() if honest else {})
            approval = await _approval(session, run)
            by = self.person(who, role)
            await deciding.grant(session, by, approval, Seen(seen, None), reason="", lifetime=LIFETIME)

        self.within(work)

    @rule(run=asked)
    def everybody_says_yes(self, run: uuid.UUID) -> None:
        for who in PEOPLE:
            self.grant(run, who, "approver", honest=True)

    @rule(run=asked, what=st.sampled_from(["deny", "cancel", "change the input", "time passes", "sweep"]))
    def disturb(self, run: uuid.UUID, what: str) -> None:
        async def deny(session: AsyncSession) -> None:
            approval = await _approval(session, run)
            await deciding.deny(session, self.person("cyd", "approver"), approval, reason="no", lifetime=LIFETIME)

        async def sweep(session: AsyncSession) -> None:
            await deciding.expire(session, lifetime=LIFETIME, limit=100)
            await deciding.withdraw(session, limit=100)

        if what == "deny":
            self.within(deny)
        elif what == "sweep":
            self.within(sweep)
        elif what == "cancel":
            self.within(lambda session: service.request_cancel(session, run, "enough", by="user:ann"))
        else:
            self.within(lambda session: session.execute(text(_DISTURBED[what]), {"run": run}))

    @rule(run=asked, state=st.sampled_from(sorted(RunState)))
    def an_agent_says_anything(self, run: uuid.UUID, state: RunState) -> None:
        self.sequence += 1
        status = RunStatus(run_id=str(run), org_id=str(self.org), state=state, at=datetime.now(UTC), output={})
        reports = {Source(self.org, "calc", run): Reports(statuses=[SeenStatus(self.sequence, status)])}

        async def work() -> None:
            async with self.database.raw_across() as connection:
                await outcomes.apply(connection, reports, keep=timedelta(days=1))

        self.loop.run(work())

    @precondition(lambda self: self.bundle("asked"))
    @rule(thrown=st.sampled_from([False, False, True]))
    def flip_the_kill_switch(self, thrown: bool) -> None:
        by = self.person("ann", "admin")

        async def work(session: AsyncSession) -> None:
            if thrown:
                await guards.throw(session, by, "calc", reason="test", cancel_running=False)
            else:
                await guards.release(session, by, "calc")

        self.within(work)

    @invariant()
    def what_has_begun_was_permitted(self) -> None:
        rows = self.within(lambda session: _all(session, _BEGUN, states=list(BEGUN)))
        assert [row for row in rows if row.outcome != "permit" or row.run_id != row.id] == []

    @invariant()
    def what_is_sent_out_was_permitted_and_not_killed(self) -> None:
        async def taken() -> list[Any]:
            async with self.database.raw_across() as connection:
                rows = await dispatcher._take(connection)
                return [row.id for row in rows if row.org_id == self.org]

        ids = self.loop.run(taken())
        killed = self.within(lambda session: _all(session, "SELECT agent FROM kill_switches"))
        assert not (killed and ids)
        rows = self.within(lambda session: _all(session, _BEGUN, states=["queued"]))
        assert set(ids) <= {row.id for row in rows if row.outcome == "permit"}

    @invariant()
    def approvals_are_by_others_and_used_once(self) -> None:
        rows = self.within(lambda session: _all(session, _GRANTED))
        for row in rows:
            assert row.asked_by_person not in row.people
            assert len(set(row.people)) >= row.needed
            assert row.granting_decision_id is not None
            assert row.granted_of_run == 1
            assert row.ended_at < row.created_at + LIFETIME
            assert row.input_hash == input_digest(row.input)
        assert len({row.granting_decision_id for row in rows}) == len(rows)

    @invariant()
    def no_run_waits_for_nothing(self) -> None:
        assert self.within(lambda session: _all(session, _STRANDED)) == []

    def person(self, who: str, role: str) -> Principal:
        scopes = {"admin": Scope.ADMIN, "approver": Scope.APPROVE, "operator": Scope.OPERATE}
        return Principal(
            org_id=self.org,
            org_slug="t",
            id=f"user:{who}",
            name=who,
            scopes=frozenset({scopes[role]}),
            kind=Kind.USER,
            person=f"user:{who}",
            roles=frozenset({role}),
        )


_DISTURBED = {
    "change the input": 'UPDATE runs SET input = \'{"a": 9, "b": 9}\''
    " WHERE id = :run AND state = 'awaiting_approval'",
    "time passes": "UPDATE approvals SET created_at = created_at - interval '2 hours'"
    " WHERE run_id = :run AND state = 'pending'",
}
_BEGUN = """
    SELECT r.id, d.run_id, d.outcome FROM runs r LEFT JOIN decisions d ON d.id = r.decision_id
    WHERE r.state = ANY(:states)
"""
_GRANTED = """
    SELECT a.asked_by_person, a.needed, a.granting_decision_id, a.created_at, a.ended_at, a.input_hash, r.input,
           array(SELECT person FROM approval_votes v WHERE v.approval_id = a.id AND vote = 'grant') AS people,
           (SELECT count(*) FROM approvals o WHERE o.run_id = a.run_id AND o.state = 'granted') AS granted_of_run
    FROM approvals a JOIN runs r ON r.id = a.run_id WHERE a.state = 'granted'
"""
_STRANDED = """
    SELECT r.id FROM runs r WHERE r.state = 'awaiting_approval' AND r.cancel_requested_at IS NULL
      AND NOT EXISTS (SELECT FROM approvals a WHERE a.run_id = r.id AND a.state = 'pending')
"""


async def _all(session: AsyncSession, statement: str, **values: Any) -> Any:
    return (await session.execute(text(statement), values)).all()


async def _approval(session: AsyncSession, run: uuid.UUID) -> uuid.UUID | None:
    ident: uuid.UUID | None = await session.scalar(
        text("SELECT id FROM approvals WHERE run_id = :run ORDER BY created_at DESC LIMIT 1"), {"run": run}
    )
    return ident


async def _open(database: DatabaseSettings) -> Database:
    return Database(database)


def test_no_path_runs_without_a_permit(settings: Settings) -> None:
    explore(settings, examples=5)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_longer_path_runs_without_a_permit(settings: Settings) -> None:
    explore(settings, examples=100)


def explore(settings: Settings, *, examples: int) -> None:
    run_state_machine_as_test(
        lambda: Runs(settings.database),
        settings=profile(
            max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
