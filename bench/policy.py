"""What a policy decision takes: ``make bench-policy``.

Questions of several kinds to the shipped set and to sets with further policies, parsed beforehand as the gate keeps
them; and, beside it, the same set parsed anew for each question. The target is p99 < 2 ms with 200 policies.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from bench.lib import report, table
from opsrail.policy import shipped
from opsrail.policy.asker import Asker, with_implied
from opsrail.policy.claims import Claims
from opsrail.policy.language import PolicySet
from opsrail.policy.question import Question, ask
from opsrail.policy.target import target_of
from opsrail_sdk.contracts.manifest import Risk

SIZES = (0, 50, 200, 1000)
ROUNDS = 5
QUESTIONS = 2000
TARGET_MS = 2.0


def further(count: int) -> str:
    """Policies of the forms that organisations write: by team label, by time, by cost, by name."""
    forms = (
        'forbid (principal, action, resource) when { resource.hasTag("team") && resource.getTag("team") == "t%d" };',
        """forbid (principal, action in Action::"risk:write", resource)
        when { resource.environment == "e%d" && (context.hour < 8 || context.weekday > 5) };""",
        """@approvals("2") forbid (principal, action, resource)
        when { context has cost && context.cost.greaterThan(decimal("%d000.0")) };""",
        """permit (principal in Role::"team-%d", action in Action::"agent:ops", resource)
        when { resource.name like "svc-*" && context.recent_failures < 3 };""",
    )
    return "\n".join(f'@id("further-{n}") ' + forms[n % len(forms)] % (n + 100) for n in range(count))


def questions() -> list[Question]:
    """Some permitted, some denied, some that need approval."""
    inputs: Sequence[dict[str, Any]] = (
        {"service": "svc-a", "environment": "staging", "tags": {"team": "pay"}},
        {"service": "svc-a", "environment": "production", "tags": {"team": "pay"}},
        {"repository": "acme/shop"},
        {"service": "svc-b", "environment": "staging", "tags": ["protected"]},
    )
    claims = Claims(cost="12.5", blast_radius=3, ticket="OPS-1")
    return [
        ask(
            asker=Asker(id="token:bench", kind="token", via="api", roles=with_implied(["operator", "team-7"])),
            agent="ops",
            action="restart",
            risk=Risk.WRITE,
            dry_run=False,
            declared=True,
            target=target_of(given, claims),
            claims=claims,
            recent_failures=1,
            at=datetime(2026, 11, 21, 12, tzinfo=UTC),
        )
        for given in inputs
    ]


def measure(judge: Callable[[Question], object], count: int) -> list[float]:
    """Milliseconds of each decision, sorted."""
    asked = questions()
    times = []
    for number in range(count):
        began = time.perf_counter()
        judge(asked[number % len(asked)])
        times.append((time.perf_counter() - began) * 1000)
    return sorted(times)


def main() -> None:
    """Measure, print, and write ``bench/results/policy.json``."""
    sets = {size: PolicySet(shipped.policies().text + further(size)) for size in SIZES}
    times: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size, policies in sets.items():
            times[size] += measure(policies.judge, QUESTIONS)
    anew = measure(lambda question: PolicySet(sets[200].text).judge(question), 100)
    rows: list[dict[str, Any]] = [
        {"policies": len(sets[size].rules), **_quantiles(sorted(found))} for size, found in times.items()
    ]
    rows.append({"policies": f"{len(sets[200].rules)}, parsed each time", **_quantiles(anew)})
    table("policy decisions, ms", rows)
    p99 = rows[SIZES.index(200)]["p99"]
    report(
        "policy", {"decisions_ms": rows, "p99_ms_at_200": {"is": p99, "target": TARGET_MS, "met": p99 < TARGET_MS}}
    )


def _quantiles(times: Sequence[float]) -> dict[str, float]:
    return {f"p{share}": times[min(len(times) - 1, len(times) * share // 100)] for share in (50, 99)}


if __name__ == "__main__":
    main()
