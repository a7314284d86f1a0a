"""How statuses move a run, whatever order and number of times they come in."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from opsrail.runs.progress import Seen, Standing, advance
from opsrail_sdk.contracts.run import FINISHED, TRANSITIONS, RunError, RunState, RunStatus

START = datetime(2026, 1, 1, tzinfo=UTC)
QUEUED = Standing(state=RunState.QUEUED, attempt=0, sequence=0)


def history(attempts: int, final: RunState) -> list[Seen]:
    """What an agent writes for a run that ends in its last attempt."""
    states = [(RunState.RUNNING, n + 1) for n in range(attempts)] + [(final, attempts)]
    return [
        Seen(
            10 + n,
            RunStatus(
                run_id="r",
                org_id="o",
                state=state,
                attempt=attempt,
                at=START + timedelta(seconds=n),
                error=RunError(code="x", message="x") if state is RunState.FAILED else None,
            ),
        )
        for n, (state, attempt) in enumerate(states)
    ]


@given(st.data(), st.integers(1, 4), st.sampled_from(sorted(TRANSITIONS[RunState.RUNNING] & FINISHED)))
def test_any_order_split_and_repetition_comes_to_the_same_end(
    data: st.DataObject, attempts: int, final: RunState
) -> None:
    seen = history(attempts, final)
    orderly, _ = advance(QUEUED, seen)
    mixed = data.draw(st.permutations(seen + data.draw(st.lists(st.sampled_from(seen), max_size=5))))
    row = QUEUED
    while mixed:
        take = data.draw(st.integers(1, len(mixed)))
        row, _ = advance(row, mixed[:take])
        mixed = mixed[take:]
    assert row == orderly
    assert row.state is final
    assert row.started_at == START


@given(st.sampled_from(sorted(FINISHED)), st.sampled_from(sorted(RunState)))
def test_no_agent_moves_a_finished_run(state: RunState, wanted: RunState) -> None:
    row = Standing(state=state, attempt=1, sequence=5, started_at=START)
    after, _ = advance(row, [Seen(9, RunStatus(run_id="r", org_id="o", state=wanted, attempt=2, at=START))])
    assert after.state is state or wanted in TRANSITIONS.get(state, frozenset())


def test_a_repeat_after_a_crash_is_announced_again_and_progress_is_not() -> None:
    seen = history(1, RunState.SUCCEEDED)
    row, facts = advance(QUEUED, seen)
    assert [fact.state for fact in facts] == [RunState.RUNNING, RunState.SUCCEEDED]
    again, facts = advance(row, [Seen(one.sequence, one.status, repeated=True) for one in seen])
    assert again == row
    assert [fact.state for fact in facts] == [RunState.RUNNING, RunState.SUCCEEDED]
    running, _ = advance(QUEUED, seen[:1])
    progress = RunStatus(run_id="r", org_id="o", state=RunState.RUNNING, at=START, progress=0.5)
    moved, facts = advance(running, [Seen(11, progress)])
    assert (moved.progress, facts) == (0.5, [])
