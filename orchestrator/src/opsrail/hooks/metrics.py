"""Prometheus metrics of ingress."""

from functools import cache

from prometheus_client import Counter, Histogram

DELIVERIES = Counter(
    "opsrail_hook_deliveries", "Webhook deliveries by connection kind and outcome", ("kind", "outcome")
)
EVENTS = Counter("opsrail_hook_events", "Events made from webhook deliveries", ("kind",))
COMMITS = Histogram(
    "opsrail_hook_commit_events",
    "Events that shared one bus message",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
)
PUBLISH_FAILURES = Counter(
    "opsrail_hook_publish_failures", "Bus messages given up after the patience; their deliveries got 503"
)


@cache
def _children(kind: str) -> tuple[Counter, Counter]:
    return DELIVERIES.labels(kind, "accepted"), EVENTS.labels(kind)


def accepted(kind: str, events: int) -> None:
    """Count an accepted delivery; the labelled children are looked up once per kind."""
    deliveries, made = _children(kind)
    deliveries.inc()
    made.inc(events)
