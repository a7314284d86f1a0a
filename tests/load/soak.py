"""``make soak``: hooks for a long time while one part after the other is killed; at the end the counts must be equal.

    python -m tests.load.soak --minutes 30

Prints a line per kill and a summary; exit status 0 only if nothing was lost and nothing came twice.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from opsrail.testing.stack import Stack, wait_until
from tests.e2e.senders import Senders
from tests.e2e.support import Forge, connect, ended, pipelines, stored
from tests.simulators.git_http import GitServer
from tests.simulators.github_sender import push_payload

PARTS = {
    "orchestrator": ("embedded.serve",),
    "ci agent": ("opsrail_ci", "run"),
    "nats": ("nats-server",),
    "postgres": ("postgres", "-D"),
    "valkey": ("valkey-server",),
}
ROUND_SECONDS = 15
FACTS, PUSHES = 400, 10
"""Deliveries of one round."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    until = time.monotonic() + 60 * parser.parse_args().minutes
    with tempfile.TemporaryDirectory(prefix="opsrail-soak-") as folder, GitServer(Path(folder) / "git") as git:
        stack = Stack(Path(folder) / "stack", "--replicas", "2").start()
        try:
            return _soak(stack, git, until)
        finally:
            stack.stop()


def _soak(stack: Stack, git: GitServer, until: float) -> int:
    stack.wait_agents("ci")
    kills: Counter[str] = Counter()
    with stack.client() as client:
        forge = Forge(client, connect(client, "github", "soak"), git)
        repository, base = forge.repository("soak/app")
        pushes: list[str] = []
        with Senders(stack.url, forge.connection) as senders:
            while time.monotonic() < until:
                began, before = time.monotonic(), len(senders.promised)
                heads = {f"b{len(pushes) + n}": repository.branch(f"b{len(pushes) + n}", base) for n in range(PUSHES)}
                pushes += senders.send(
                    (
                        "push",
                        push_payload(repository="soak/app", clone_url=git.url("soak/app"), branch=name, after=at),
                    )
                    for name, at in heads.items()
                )
                senders.facts(FACTS)
                senders.wait_promised(before + FACTS // 4)
                kills[_kill(stack)] += 1
                senders.wait_promised(before + FACTS * 3 // 4)
                time.sleep(max(0.0, began + ROUND_SECONDS - time.monotonic()))
        wait_until(lambda: client.get("/readyz").status_code == 200, what="the stack is ready")
        promised = senders.events()
        counts = stored(client, promised)
        triggering = senders.events(pushes)
        runs = ended(client, triggering, len(pushes))
        causes = Counter(run["cause"] for run in pipelines(client, triggering))
    twice = sum(count > 1 for counter in (counts, causes) for count in counter.values())
    states = Counter(run["state"] for run in runs)
    print(f"hooks {len(senders.promised)}, put off {len(senders.put_off)}, refused {len(senders.refusals)}")
    print(f"events {len(promised)}, pushes {len(pushes)}, runs {dict(states)}, twice {twice}, kills {dict(kills)}")
    return 0 if not senders.refusals and not twice and states == {"succeeded": len(pushes)} else 1


def _kill(stack: Stack) -> str:
    """kill -9 one part, chosen at random; its name."""
    found = [
        (name, pid)
        for pid, command in stack.processes().items()
        for name, words in PARTS.items()
        if all(word in " ".join(command) for word in words)
    ]
    name, pid = random.choice(found)
    os.kill(pid, signal.SIGKILL)
    print(f"killed {name} ({pid})", flush=True)
    return name


if __name__ == "__main__":
    sys.exit(main())
