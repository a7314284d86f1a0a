"""The gate where orchestrator processes wait until they are told where the servers are."""

import os
from collections.abc import Iterator

import pytest

from opsrail.embedded.orchestrator import Gate
from opsrail.embedded.serve import learn


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPSRAIL_WORD", raising=False)


def test_a_process_that_waits_is_told(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSRAIL_WORD", "before")
    waiting = os.dup(gate.fresh())
    gate.open({"OPSRAIL_WORD": "a secret"})
    assert learn(waiting)
    assert os.environ["OPSRAIL_WORD"] == "a secret"


def test_each_process_after_it_is_told_at_once(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.open({"OPSRAIL_WORD": "a secret"})
    for _ in range(2):
        monkeypatch.delenv("OPSRAIL_WORD", raising=False)
        assert learn(os.dup(gate.fresh()))
        assert os.environ["OPSRAIL_WORD"] == "a secret"
    monkeypatch.delenv("OPSRAIL_WORD")


def test_a_process_whose_supervisor_is_gone_is_not_left_waiting(gate: Gate) -> None:
    waiting = os.dup(gate.fresh())
    gate.close()
    assert not learn(waiting)
