"""A newer push of a branch ends the older run; on the default branch and for tags every run goes to its end."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from opsrail.testing.stack import wait_until
from tests.e2e.support import Forge, ended, pipelines


class Gate:
    """Pipelines that go on until the gate is opened; each is seen at the gate by its commit."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def pipeline(self) -> str:
        wait = f"touch {self._folder}/$CI_COMMIT; until [ -e {self._folder}/open ]; do sleep 0.1; done"
        return f"steps:\n  - name: wait\n    run: '{wait}'\n"

    def open(self) -> None:
        (self._folder / "open").touch()

    def wait_for(self, commit: str) -> None:
        wait_until((self._folder / commit).exists, what=f"{commit} is at the gate")

    def waiting(self) -> set[str]:
        """Commits of which a process stands at the gate."""
        found = set()
        for process in psutil.process_iter(["cmdline"]):
            if any(f"{self._folder}/open" in word for word in process.info["cmdline"] or ()):
                with suppress(psutil.Error):
                    found.add(process.environ().get("CI_COMMIT", ""))
        return found - {""}


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path)
    yield gate
    gate.open()


def _push(forge: Forge, gate: Gate, name: str, commit: str, **facts: Any) -> list[str]:
    """Push, and return the event ids once the commit's run stands at the gate."""
    events: list[str] = forge.push(name, commit, **facts).json()["events"]
    gate.wait_for(commit)
    return events


def test_the_older_run_of_the_branch_is_cancelled(forge: Forge, gate: Gate) -> None:
    repository, base = forge.repository("newer/branch", {".opsrail/ci.yaml": gate.pipeline})
    old, new = repository.branch("topic", base), repository.commit({"more": "x"}, branch="topic-2")
    other = repository.branch("other", base)
    elsewhere = _push(forge, gate, "newer/branch", other, branch="other")
    first = _push(forge, gate, "newer/branch", old, branch="topic")
    assert gate.waiting() == {other, old}
    second = _push(forge, gate, "newer/branch", new, branch="topic", before=old)

    (cancelled,) = ended(forge.client, first, 1)
    assert cancelled["state"] == "cancelled"
    (newer,) = pipelines(forge.client, second)
    assert newer["id"] in cancelled["cancel_reason"]
    wait_until(lambda: gate.waiting() == {other, new}, what="the older run's process has ended")

    gate.open()
    assert [run["state"] for run in ended(forge.client, [*second, *elsewhere], 2)] == ["succeeded"] * 2


def test_on_the_default_branch_every_commit_is_built(forge: Forge, gate: Gate) -> None:
    repository, first = forge.repository("newer/default", {".opsrail/ci.yaml": gate.pipeline})
    second = repository.commit({"more": "x"})
    events = _push(forge, gate, "newer/default", first)
    events += _push(forge, gate, "newer/default", second, before=first)
    gate.open()
    assert [run["state"] for run in ended(forge.client, events, 2)] == ["succeeded"] * 2


def test_a_moved_tag_cancels_nothing(forge: Forge, gate: Gate) -> None:
    repository, first = forge.repository("newer/tag", {".opsrail/ci.yaml": gate.pipeline})
    events = forge.tag("newer/tag", first, "latest").json()["events"]
    gate.wait_for(first)
    second = repository.commit({"more": "x"}, tag="latest")
    events += forge.tag("newer/tag", second, "latest").json()["events"]
    gate.wait_for(second)
    gate.open()
    assert [run["state"] for run in ended(forge.client, events, 2)] == ["succeeded"] * 2
