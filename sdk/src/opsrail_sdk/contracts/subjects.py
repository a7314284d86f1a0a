"""Every NATS name in one place: subjects, streams, consumers, buckets. Nothing else builds them.

A subject begins with ``opsrail.<org>.``, so one allow-list entry fences an organisation in. Streams are
shared by all organisations; consumers and object buckets are per organisation.
"""

import re

EVENTS = "EVENTS"
"""Stream of facts (``opsrail.*.event.>``), kept by age; each message is a CloudEvents batch of one type."""
REQUESTS = "REQUESTS"
"""Work queue of runs that agents ask for (``opsrail.*.request.>``), read by the orchestrator."""
ACTIONS = "ACTIONS"
"""Work queue of governed commands (``opsrail.*.action.>``), read by agents."""
RUNS = "RUNS"
"""Stream of what happened to runs (``opsrail.*.run.>``): status, log, artifact, refused, cancel."""

STREAM_SUBJECTS = {
    EVENTS: "opsrail.*.event.>",
    REQUESTS: "opsrail.*.request.>",
    ACTIONS: "opsrail.*.action.>",
    RUNS: "opsrail.*.run.>",
}

HEARTBEATS_BUCKET = "agents"
"""KV of living instances: ``<org>.<agent>.<instance>`` -> Heartbeat, gone when its TTL passes."""
SPECS_BUCKET = "agent-specs"
"""KV of what should run: ``<org>.<agent>`` -> AgentSpec."""
TRUST_BUCKET = "trust"
"""KV of public keys: ``jwks`` -> the JWK set that capability tokens are verified against."""
JWKS_KEY = "jwks"
"""Key in ``TRUST_BUCKET``."""
LEASES_BUCKET = "leases"
"""KV of short leases: one instance runs a schedule, one delivery of an event takes effect."""

GIVEN_UP = "io.opsrail.subscription.failed.v1"
"""Type of the event by which an agent says that it gave up on an event."""

CORE_SERVICE = "core"
"""The orchestrator's own query service, as if it were an agent of this id."""

_ILLEGAL = re.compile(r"[\s*>\x00-\x20\x7f]+")


def token(text: str) -> str:
    """``text`` as legal subject tokens: white space and wildcards become ``_``, empty tokens too."""
    return ".".join(_ILLEGAL.sub("_", part) or "_" for part in text.split("."))


def event(org: str, event_type: str) -> str:
    """Where a CloudEvent of this type is published."""
    return f"opsrail.{org}.event.{token(event_type)}"


def event_filter(org: str, pattern: str) -> str:
    """Filter for a subscription: an exact type, or a prefix that ends in ``.*`` and means everything below."""
    if pattern == "*":
        return f"opsrail.{org}.event.>"
    if pattern.endswith(".*"):
        return f"opsrail.{org}.event.{token(pattern[:-2])}.>"
    return event(org, pattern)


def request(org: str, agent: str, action: str) -> str:
    """Where an agent asks for a run of ``agent.action``."""
    return f"opsrail.{org}.request.{agent}.{action}"


def action(org: str, agent: str, name: str) -> str:
    """Where a governed command for an agent is queued."""
    return f"opsrail.{org}.action.{agent}.{name}"


def actions_of(org: str, agent: str) -> str:
    """Filter for all commands of one agent."""
    return f"opsrail.{org}.action.{agent}.>"


def run_status(org: str, agent: str, run: str) -> str:
    """Where states of a run are written by the agent whose run it is; its last message is the run's fence."""
    return f"opsrail.{org}.run.{agent}.{run}.status"


def run_log(org: str, agent: str, run: str) -> str:
    """Where log lines of a run are written."""
    return f"opsrail.{org}.run.{agent}.{run}.log"


def run_artifact(org: str, agent: str, run: str) -> str:
    """Where stored artifacts of a run are announced."""
    return f"opsrail.{org}.run.{agent}.{run}.artifact"


def run_refused(org: str, agent: str, run: str) -> str:
    """Where an agent tells of a command for a run that it did not carry out."""
    return f"opsrail.{org}.run.{agent}.{run}.refused"


def run_cancel(org: str, agent: str, run: str) -> str:
    """Where a wish to cancel a run is written; ``*`` as run listens to all of the agent's."""
    return f"opsrail.{org}.run.{agent}.{run}.cancel"


def query(org: str, agent: str, name: str) -> str:
    """Request/reply subject of a query, a NATS micro endpoint."""
    return f"opsrail.{org}.query.{agent}.{name}"


def changed(org: str, noun: str, ident: str) -> str:
    """Core NATS hint, sent after a commit, that a row changed. Never stored: readers also poll."""
    return f"opsrail.{org}.changed.{noun}.{ident}"


def heartbeat_key(org: str, agent: str, instance: str) -> str:
    """Key in ``HEARTBEATS_BUCKET``."""
    return f"{org}.{agent}.{instance}"


def spec_key(org: str, agent: str) -> str:
    """Key in ``SPECS_BUCKET``."""
    return f"{org}.{agent}"


def lease_keys(org: str, agent: str) -> str:
    """Filter for all keys of one agent in ``LEASES_BUCKET``."""
    return f"{org}.{agent}.>"


def event_lease(org: str, agent: str, digest: str) -> str:
    """Key in ``LEASES_BUCKET`` of an event that an agent handles."""
    return f"{org}.{agent}.event.{digest}"


def schedule_lease(org: str, agent: str, name: str, tick: int) -> str:
    """Key in ``LEASES_BUCKET`` of one interval of a schedule."""
    return f"{org}.{agent}.schedule.{name}.{tick}"


def inbox_prefix(org: str, agent: str) -> str:
    """Beginning of an agent's reply subjects, its own so that it hears no answers to others."""
    return f"_INBOX_{org}_{agent}".replace("-", "")


def is_inbox(reply: str) -> bool:
    """Whether a reply may go there. Who asks names the subject, and must not have us publish to any other.

    ``_R_`` is what nats-server puts in place of an inbox of another account.
    """
    return reply.startswith(("_INBOX", "_R_."))


def bus_refused(org: str, agent: str) -> str:
    """Core NATS, never stored: an agent, or the host of its server, tells what the server refused it."""
    return f"opsrail.{org}.refused.{agent}"


def events_consumer(org: str, agent: str) -> str:
    """Durable consumer of an agent's subscriptions on ``EVENTS``."""
    return f"{org}-{agent}-events"


def actions_consumer(org: str, agent: str) -> str:
    """Durable consumer of an agent's commands on ``ACTIONS``."""
    return f"{org}-{agent}-actions"


def artifacts_bucket(org: str) -> str:
    """Object store that holds an organisation's artifacts."""
    return f"artifacts-{org}"
