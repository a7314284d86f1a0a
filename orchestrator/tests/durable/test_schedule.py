"""The scheduling core: what is replayed, waited for, tried again; by example and by a machine that crashes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from opsrail.durable.errors import FlowError
from opsrail.durable.schedule import Book, Branches, Entry, Perform, Replay, Retry, Wait

START = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.integers(1, 200), st.floats(0, 1))
def test_the_pause_grows_with_full_jitter_up_to_its_limit(attempt: int, chance: float) -> None:
    retry = Retry(base=timedelta(seconds=1), limit=timedelta(seconds=30))
    pause = retry.pause(attempt, chance=chance)
    assert timedelta(0) <= pause <= min(timedelta(seconds=2 ** min(attempt - 1, 10)), timedelta(seconds=30))
    asked = timedelta(seconds=45)
    assert retry.pause(attempt, retry_after=asked, chance=chance) == asked


def test_a_name_is_used_once_and_means_one_kind() -> None:
    book = Book([Entry("a", "step", 1, finished=True)])
    assert book.named("", "step", "a") == "a"
    with pytest.raises(FlowError, match="twice"):
        book.named("", "step", "a")
    with pytest.raises(FlowError, match="as a step"):
        Book([Entry("a", "step", 1, finished=True)]).named("", "sleep", "a")
    assert book.named("gather#1.0/", "step", "a") == "gather#1.0/a"


def test_a_cancel_is_told_once_per_line_of_branches() -> None:
    book = Book([Entry("gather#1.0/cancel", "cancel", finished=True)])
    assert book.cancelled_near("gather#1.0/")
    assert book.cancelled_near("gather#1.0/gather#1.1/")
    assert book.cancelled_near("")
    assert not book.cancelled_near("gather#1.1/")


def test_a_flow_is_idle_when_every_branch_waits() -> None:
    branches = Branches()
    assert not branches.idle
    branches.split(2)
    first = branches.park(START + timedelta(hours=1))
    assert not branches.idle
    branches.park(None)
    assert branches.idle
    assert branches.next_wake == START + timedelta(hours=1)
    branches.unpark(first)
    branches.end()
    assert branches.idle
    assert branches.next_wake is None


class CrashingFlow(RuleBasedStateMachine):
    """A flow of three steps with retries, in which any process may die at any moment.

    The model counts what the outside world sees; ``journal`` survives, ``book`` is what a process knows.
    """

    RETRY = Retry(attempts=3, base=timedelta(seconds=10), limit=timedelta(seconds=40))
    NAMES = ("one", "two", "three")

    @initialize()
    def begin(self) -> None:
        self.now = START
        self.journal: dict[str, Entry] = {}
        self.results: dict[str, int] = {}
        self.effects = dict.fromkeys(self.NAMES, 0)
        self.failures = dict.fromkeys(self.NAMES, 0)
        self.crashes_in_step = dict.fromkeys(self.NAMES, 0)
        self.take_over()

    def take_over(self) -> None:
        self.book = Book(list(self.journal.values()))
        self.doing: tuple[str, int] | None = None
        self.at = 0
        self.key = self.book.named("", "step", self.NAMES[0])

    def over(self) -> bool:
        return self.at == len(self.NAMES)

    @precondition(lambda self: self.doing is None and not self.over())
    @rule()
    def go_on(self) -> None:
        decision = self.book.decide(self.key, self.now)
        if isinstance(decision, Wait):
            assert decision.until > self.now
            assert not self.journal[self.key].finished
        elif isinstance(decision, Replay):
            assert decision.error is not None or decision.result == self.results[self.key]
            self.at += 1
            if not self.over():
                self.key = self.book.named("", "step", self.NAMES[self.at])
        else:
            assert isinstance(decision, Perform)
            self.doing = (self.key, decision.attempt)
            self.effects[self.key] += 1

    @precondition(lambda self: self.doing is not None)
    @rule()
    def succeed(self) -> None:
        assert self.doing
        key, attempt = self.doing
        self.results[key] = self.effects[key]
        self._journal(Entry(key, "step", attempt, result=self.effects[key], finished=True))

    @precondition(lambda self: self.doing is not None)
    @rule(chance=st.floats(0, 1))
    def fail(self, chance: float) -> None:
        assert self.doing
        key, attempt = self.doing
        self.failures[key] += 1
        if attempt >= self.RETRY.attempts:
            self._journal(Entry(key, "step", attempt, error={"code": "x"}, finished=True))
        else:
            wake_at = self.now + self.RETRY.pause(attempt, chance=chance)
            self._journal(Entry(key, "step", attempt, wake_at, error={"code": "x"}))

    @rule()
    def die(self) -> None:
        if self.doing is not None:
            self.crashes_in_step[self.doing[0]] += 1
        self.take_over()

    @rule(seconds=st.integers(1, 60))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    def _journal(self, entry: Entry) -> None:
        self.book.note(entry)
        self.journal[entry.key] = entry
        self.doing = None

    @invariant()
    def effects_are_bounded_by_attempts_and_crashes(self) -> None:
        for name in self.NAMES:
            running = 1 if self.doing and self.doing[0] == name else 0
            done = 1 if name in self.results else 0
            assert self.effects[name] == self.failures[name] + self.crashes_in_step[name] + done + running
            assert self.failures[name] <= self.RETRY.attempts

    @invariant()
    def steps_happen_in_order(self) -> None:
        for earlier, later in zip(self.NAMES, self.NAMES[1:], strict=False):
            if self.effects[later]:
                assert self.journal[earlier].finished


TestCrashingFlow = CrashingFlow.TestCase
TestCrashingFlow.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
